//! Special functions at hard points, as operations on tensors, and their derivatives.

use pullback::{DType, Tensor, grad, vjp, vmap};
use serde_json::Value;

fn oracle() -> Value {
    serde_json::from_str(include_str!("data/special.json")).unwrap()
}

fn number(v: &Value) -> f64 {
    v.as_f64().unwrap_or(if v.as_str() == Some("-inf") { f64::NEG_INFINITY } else { f64::NAN })
}

fn list(v: &Value) -> Vec<f64> {
    v.as_array().unwrap().iter().map(number).collect()
}

type Function = fn(&Tensor) -> Tensor;

const FUNCTIONS: &[(&str, Function)] = &[
    ("log1p_exp", |x| x.softplus()),
    ("sigmoid", |x| x.sigmoid()),
    ("log_sigmoid", |x| x.log_sigmoid()),
    ("tanh", |x| x.tanh()),
    ("expm1", |x| x.expm1()),
    ("erf", |x| x.erf()),
    ("log_gamma", |x| x.log_gamma()),
    ("digamma", |x| x.digamma()),
    ("log", |x| x.log()),
    ("log1p", |x| x.log1p()),
    ("normal_icdf", |x| x.normal_icdf()),
];

/// 1e-13 of the value or 4 units in its last place, and as much absolutely near a zero in its inside.
fn close_f64(got: f64, want: f64) -> bool {
    let ulp = (want.abs().next_up() - want.abs()).max(f64::MIN_POSITIVE);
    got == want || (got - want).abs() <= (1e-13 * want.abs()).max(4.0 * ulp).max(1e-16)
}

fn close_f32(got: f32, want: f64) -> bool {
    let near = want as f32;
    let ulp = f64::from((near.abs().next_up() - near.abs()).max(f32::MIN_POSITIVE));
    got == near || (f64::from(got) - want).abs() <= 4.0 * ulp
}

#[test]
fn functions_meet_the_oracle() {
    let oracle = oracle();
    for (name, f) in FUNCTIONS {
        let rows = oracle["functions"][name].as_array().unwrap_or_else(|| panic!("{name} is not in the oracle"));
        for row in rows.iter().map(list) {
            let (x, want) = (row[0], row[1]);
            let got = f(&Tensor::scalar(x)).item::<f64>().unwrap();
            assert!(close_f64(got, want), "{name}({x:e}) is {got:e}, wanted {want:e}");
            let single = x as f32;
            // Only where the argument is the same number in single precision.
            if f64::from(single) == x {
                let got = f(&Tensor::scalar(single)).item::<f32>().unwrap();
                assert!(close_f32(got, want), "{name}({x:e}f32) is {got:e}, wanted {want:e}");
            }
        }
    }
}

#[test]
fn log_sums_meet_the_oracle() {
    for row in oracle()["logsumexp"].as_array().unwrap() {
        let x = Tensor::from(list(&row["x"]));
        let got = x.logsumexp(0).item::<f64>().unwrap();
        assert!(close_f64(got, number(&row["logsumexp"])), "{row}: {got}");
        let ids = Tensor::full(0.0, DType::I32, x.shape());
        for got in [x.logcumsumexp(0), x.segment_logcumsumexp(&ids)] {
            for (got, want) in got.to_vec::<f64>().unwrap().into_iter().zip(list(&row["logcumsumexp"])) {
                assert!(close_f64(got, want), "{row}: {got}, wanted {want}");
            }
        }
    }
}

fn slope(f: impl Fn(Tensor) -> Tensor, x: f64) -> f64 {
    grad(f).call(Tensor::scalar(x)).item::<f64>().unwrap()
}

#[test]
fn slopes_are_finite_where_they_exist() {
    let rows: &[(&str, Function, f64, f64)] = &[
        ("softplus", |x| x.softplus(), 800.0, 1.0),
        ("softplus", |x| x.softplus(), -800.0, 0.0),
        ("log_sigmoid", |x| x.log_sigmoid(), 800.0, 0.0),
        ("log_sigmoid", |x| x.log_sigmoid(), -800.0, 1.0),
        ("tanh", |x| x.tanh(), 800.0, 0.0),
        ("tanh", |x| x.tanh(), -800.0, 0.0),
        ("sigmoid", |x| x.sigmoid(), 800.0, 0.0),
        ("sigmoid", |x| x.sigmoid(), -800.0, 0.0),
        ("sqrt", |x| x.sqrt(), 1e300, 0.5e-150),
        ("rsqrt", |x| x.rsqrt(), 1e100, -0.5e-150),
        ("log", |x| x.log(), 1e-300, 1e300),
        ("log1p", |x| x.log1p(), 1e300, 1e-300),
        ("expm1", |x| x.expm1(), -800.0, 0.0),
        ("erf", |x| x.erf(), 800.0, 0.0),
        ("abs", |x| x.abs(), 0.0, 0.0),
        ("sign", |x| x.sign(), 0.0, 0.0),
        ("floor", |x| x.floor(), 3.0, 0.0),
        ("pow 2", |x| x.pow(2.0), 0.0, 0.0),
        ("pow 1", |x| x.pow(1.0), 0.0, 1.0),
        ("pow 0", |x| x.pow(0.0), 0.0, 0.0),
        ("pow 3 of a negative", |x| x.pow(3.0), -2.0, 12.0),
        ("2 to the", |x| Tensor::scalar(2.0f64).pow(x), 0.0, std::f64::consts::LN_2),
        ("0 to the", |x| Tensor::scalar(0.0f64).pow(x), 2.0, 0.0),
        ("select", |x| x.gt(0.0).select(x.gt(0.0).select(x, 1.0).log(), 0.0), -1.0, 0.0),
        ("maximum at a tie", |x| x.maximum(0.0), 0.0, 0.5),
        ("relu", |x| x.relu(), 0.0, 0.0),
    ];
    for (name, f, x, want) in rows {
        let got = slope(|x| f(&x), *x);
        assert!(
            (got - want).abs() <= 1e-12 * want.abs().max(f64::MIN_POSITIVE),
            "{name}'({x:e}) is {got:e}, wanted {want:e}"
        );
    }
    // And a second time.
    assert_eq!(slope(|x| grad(|x: Tensor| x.pow(2.0)).call(x), 0.0), 2.0);
    assert_eq!(slope(|x| grad(|x: Tensor| x.softplus()).call(x), 800.0), 0.0);
    assert_eq!(slope(|x| grad(|x: Tensor| x.tanh()).call(x), -800.0), 0.0);
}

fn gradient(f: Function, x: &[f64]) -> Vec<f64> {
    grad(|x: Tensor| f(&x)).call(Tensor::from(x.to_vec())).to_vec().unwrap()
}

#[test]
fn log_sums_have_finite_gradients() {
    const INF: f64 = f64::INFINITY;
    assert_eq!(gradient(|x| x.logsumexp(0), &[-INF, 0.0]), [0.0, 1.0]);
    assert_eq!(gradient(|x| x.logsumexp(0), &[-INF, -INF]), [0.0, 0.0]);
    assert_eq!(gradient(|x| x.logsumexp(0), &[1e300, -1e300]), [1.0, 0.0]);
    assert_eq!(gradient(|x| x.logcumsumexp(0).sum(), &[-1e4, 1e4, -1e4]), [1.0, 2.0, 0.0]);
    assert_eq!(gradient(|x| x.logcumsumexp(0).slice(0, 1, 2).sum(), &[-INF, 0.0, 1.0]), [0.0, 1.0, 0.0]);
    assert_eq!(gradient(|x| x.logcumsumexp(0).slice(0, 1, 2).sum(), &[-INF, -INF, 1.0]), [0.0, 0.0, 0.0]);
    let ids = Tensor::from([0, 0, 1]);
    let pulled = |f: &dyn Fn(Tensor) -> Tensor, x: [f64; 3]| {
        let (y, back) = vjp(f, Tensor::from(x));
        back.call(y.ones_like()).to_vec::<f64>().unwrap()
    };
    assert_eq!(pulled(&|x| x.segment_logsumexp(&ids, 3), [-INF, -INF, -INF]), [0.0, 0.0, 0.0]);
    assert_eq!(pulled(&|x| x.segment_logcumsumexp(&ids), [-1e4, 1e4, -INF]), [1.0, 1.0, 0.0]);
    assert_eq!(pulled(&|x| x.segment_max(&ids, 3), [1.0, 1.0, 2.0]), [0.5, 0.5, 1.0]);
}

#[test]
fn folds_of_nothing() {
    let none = Tensor::new(Vec::<f64>::new(), &[0, 2]);
    let value = |t: Tensor| t.to_vec::<f64>().unwrap();
    assert_eq!(value(none.reduce_sum(&[0])), [0.0, 0.0]);
    assert_eq!(value(none.reduce_max(&[0])), [f64::NEG_INFINITY; 2]);
    assert_eq!(value(none.logsumexp(0)), [f64::NEG_INFINITY; 2]);
    assert_eq!(value(none.cumsum(0)), [0.0; 0]);
    assert_eq!(value(none.logcumsumexp(0)), [0.0; 0]);
    assert_eq!(value(none.reverse(0).transpose(&[1, 0]).dot(&none)), [0.0; 4]);
    let mapped = vmap(|x: Tensor| x.logsumexp(0) + x.sum()).call(none.clone());
    assert_eq!(mapped.shape().known(), Some(vec![0]));
    let (_, back) = vjp(|x: Tensor| x.reduce_max(&[0]), none);
    assert_eq!(value(back.call(Tensor::from([1.0f64, 1.0]))), [0.0; 0]);
}
