//! Values against another parser, gradients against differences, and every kind of mistake.

use super::*;
use proptest::prelude::*;
use pullback::grad;

fn value(variables: &str, text: &str, at: &[f64]) -> f64 {
    let e = Expression::new(variables, text, Sense::LogDensity).unwrap_or_else(|e| panic!("{e}"));
    e.log_density(&Tensor::from(at.to_vec())).item::<f64>().expect("a number")
}

#[track_caller]
fn is(text: &str, wanted: f64) {
    let found = value("x,y,v[3]", &format!("{text} + 0*(x + y + sum(v))"), &[0.5, -2.0, 1.0, 2.0, 4.0]);
    assert!((found - wanted).abs() <= 1e-12 * wanted.abs().max(1.0), "{text} = {found}, not {wanted}");
}

#[test]
fn a_picture_names_its_axes_by_the_variables() {
    let axes = |variables: &str, text: &str| Expression::new(variables, text, Sense::Energy).expect("a density").axes();
    assert_eq!(axes("mass,speed", "mass^2 + speed^2"), ["mass", "speed"]);
    assert_eq!(axes("x[3]", "sum(x^2)"), ["x[0]", "x[1]"]);
    assert_eq!(axes("a,v[2]", "a^2 + sum(v^2)"), ["a", "v[0]"]);
    assert_eq!(axes("t", "t^2"), ["t", ""]);
}

#[test]
fn precedence_is_that_of_mathematics() {
    is("-x^2", -0.25);
    is("2^3^2", 512.0);
    is("2^-1", 0.5);
    is("2**3", 8.0);
    is("-2^2*3", -12.0);
    is("1 - 2 - 3", -4.0);
    is("8/4/2", 1.0);
    is("1 + 2*3^2", 19.0);
    is("(1 + 2)*3", 9.0);
    is("- - +3", 3.0);
    is("y^2", 4.0);
    is("y^3", -8.0);
    is("1.5e1 + .5 + 2.", 17.5);
}

#[test]
fn functions_and_constants() {
    is("exp(1) - e", 0.0);
    is("cos(pi)", -1.0);
    is("log(e^3)", 3.0);
    is("log1p(expm1(0.3))", 0.3);
    is("softplus(0) - log(2)", 0.0);
    is("sigmoid(0) + tanh(0) + sin(0) + erf(0)", 0.5);
    is("lgamma(5)", 24f64.ln());
    is("abs(y) + sqrt(4)", 4.0);
    is("min(x, y) + max(x, y)", -1.5);
    is("logaddexp(log(2), log(3))", 5f64.ln());
    is("logaddexp(1000, 1000) - 1000", 2f64.ln());
    is("where(x < 1, 7, 8) + where(y >= 0, 1, 2)", 9.0);
    is("where(x == 0.5, 1, 0) + where(x != 0.5, 1, 0)", 1.0);
}

#[test]
fn vectors() {
    is("sum(v)", 7.0);
    is("sum(v^2) + v[2]", 25.0);
    is("sum(2*v - 1)", 11.0);
    is("sum(where(v > 1.5, v, 0))", 6.0);
    is("sum(max(v, 3))", 10.0);
}

#[track_caller]
fn refused(text: &str, wanted: &str) {
    let e = Expression::new("x,velocity,v[3]", text, Sense::Energy).expect_err(text);
    assert_eq!(e.to_string(), wanted, "\n{e}\n");
}

#[test]
fn mistakes_are_pointed_at() {
    refused(
        "x^2 + velocty",
        "there is no variable or constant `velocty`\n  x^2 + velocty\n        ^^^^^^^\n  help: did you mean `velocity`? the \
         variables are x, velocity, v; the constants pi and e",
    );
    refused(
        "2x",
        "there is no operator between these two values\n  2x\n   ^\n  help: write an operator between them, as in 2*x",
    );
    refused("x +", "the end cannot stand here\n  x +\n     ^\n  help: write a number, a name or a bracket here");
    refused(
        "where(x, 1, 2)",
        "a number stands where a comparison must\n  where(x, 1, 2)\n        ^\n  help: compare two numbers, as in x > 0",
    );
    refused(
        "x < 2",
        "a comparison stands where a number must\n  x < 2\n  ^^^^^\n  help: where(comparison, a, b) makes a number of it",
    );
    refused("v", "a vector stands where a single number must\n  v\n  ^\n  help: sum(…) makes one number of a vector");
    refused(
        "exp(x, 2)",
        "`exp` takes 1 argument, not 2\n  exp(x, 2)\n  ^^^^^^^^^\n  help: separate arguments by commas",
    );
    refused("µ + x²", "the character `²` means nothing here\n  µ + x²\n       ^\n  help: write ^2");
}

#[test]
fn every_mistake_has_its_fault() {
    use ExpressionFault::*;
    let fault = |text: &str| Expression::new("x,v[3]", text, Sense::Energy).expect_err(text).fault;
    assert!(matches!(fault("x # 2"), Character { found: '#' }));
    assert!(matches!(fault("x = 2"), Character { found: '=' }));
    assert!(matches!(fault("(x"), Unexpected { .. }));
    assert!(matches!(fault("x)"), Unexpected { .. }));
    assert!(matches!(fault(""), Unexpected { .. }));
    assert!(matches!(fault("exp()"), Arguments { found: 0, wanted: 1, .. }));
    assert!(matches!(fault("exp + x"), NotCalled { .. }));
    assert!(matches!(fault("x(2)"), NotAFunction { .. }));
    assert!(matches!(fault("pi(2)"), NotAFunction { .. }));
    assert!(matches!(fault("ln(x)"), UnknownFunction { meant: Some(m), .. } if m == "log"));
    assert!(matches!(fault("v[3]"), Index { length: Some(3), .. }));
    assert!(matches!(fault("v[0.5]"), Index { .. }));
    assert!(matches!(fault("x[0]"), Index { length: None, .. }));
    assert!(matches!(fault("x + v[0] + v[2]"), Unused { name } if name == "v[1]"));
    assert!(matches!(fault("sum(v)"), Unused { name } if name == "x"));
    assert!(matches!(fault(&"(".repeat(200)), Deep));
    assert!(matches!(fault(&"-".repeat(200)), Deep));
    assert!(matches!(fault(&"2^".repeat(200)), Deep));
    assert!(matches!(fault(&" ".repeat(MAX_LENGTH + 1)), Long { .. }));
    let variables = |text: &str| Expression::new(text, "1", Sense::Energy).expect_err(text).fault;
    assert!(matches!(variables("a,,b"), Unexpected { .. }));
    assert!(matches!(variables(""), Unexpected { .. }));
    assert!(matches!(variables("a b"), Unexpected { .. }));
    assert!(matches!(variables("a,a"), Name { .. }));
    assert!(matches!(variables("exp"), Name { .. }));
    assert!(matches!(variables("pi"), Name { .. }));
    assert!(matches!(variables("a[x]"), Name { .. }));
    assert!(matches!(variables("a[0]"), Dimension { .. }));
    assert!(matches!(variables("a[900],b[900]"), Dimension { found: 1800 }));
    let lengths = Expression::new("a[2],b[3]", "sum(a*b)", Sense::Energy).expect_err("lengths").fault;
    assert_eq!(lengths, Lengths { left: 2, right: 3 });
}

#[test]
fn the_sense_is_a_sign() {
    let of = |sense| {
        let e = Expression::new("x", "x^2", sense).expect("parses");
        e.log_density(&Tensor::from([3.0f64])).item::<f64>().expect("a number")
    };
    assert_eq!((of(Sense::Energy), of(Sense::LogDensity)), (-9.0, 9.0));
}

#[test]
fn a_long_sum_needs_no_deep_stack() {
    let text = vec!["x^2"; 3000].join(" + ");
    assert_eq!(value("x", &text, &[1.0]), 3000.0);
}

/// Every function at a place where it is smooth.
#[test]
fn gradients_are_those_of_differences() {
    let text = "exp(x) + log(y) + log1p(y) + expm1(x) + tanh(x) + sigmoid(x*y) + softplus(x) + sqrt(y) + sin(x) + cos(y) \
                + abs(x) + erf(x) + lgamma(y) + min(x, y) + max(x, y)*2 + logaddexp(x, y) + where(x < y, x^3, y) \
                + sum(v^2/y) + v[1]^x - x/y^2 + y^-0.5";
    let e = Expression::new("x,y,v[2]", text, Sense::LogDensity).expect("parses");
    let at = [0.7, 1.9, 0.4, 1.3];
    let found = grad(|x: Tensor| e.log_density(&x)).call(Tensor::from(at)).to_vec::<f64>().expect("numbers");
    for i in 0..at.len() {
        let h = 1e-5;
        let moved = |by: f64| {
            let mut x = at;
            x[i] += by;
            e.log_density(&Tensor::from(x)).item::<f64>().expect("a number")
        };
        let difference = (moved(h) - moved(-h)) / (2.0 * h);
        assert!((found[i] - difference).abs() < 1e-7 * difference.abs().max(1.0), "{i}: {} and {difference}", found[i]);
    }
}

/// Expressions that both languages have, with signs and powers in brackets, about which they differ.
fn shared() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (1u32..400).prop_map(|n| format!("{}", f64::from(n) / 8.0)),
        Just("x".to_owned()),
        Just("y".to_owned()),
    ];
    leaf.prop_recursive(6, 40, 2, |inner| {
        let binary = (inner.clone(), prop_oneof!["[-+*/]"], inner.clone());
        prop_oneof![
            binary.clone().prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            binary.prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            inner.clone().prop_map(|a| format!("(-({a}))")),
            (inner.clone(), 1..4).prop_map(|(a, n)| format!("(({a})^{n})")),
            (inner, prop_oneof![Just("sin"), Just("cos"), Just("tanh"), Just("exp"), Just("abs")])
                .prop_map(|(a, f)| format!("{f}({a})")),
        ]
    })
}

proptest! {
    #[test]
    fn values_are_those_of_another_parser(text in shared(), x in -2.0f64..2.0, y in -2.0f64..2.0) {
        use exmex::prelude::*;
        let mine = value("x,y", &format!("{text} + 0*x + 0*y"), &[x, y]);
        let other = exmex::parse::<f64>(&format!("{text} + 0*x + 0*y")).expect("its language").eval(&[x, y]).expect("a value");
        let scale = other.abs().max(1.0);
        // Where the value is huge a rounding of the argument of sin or cos is no longer small.
        let same = mine == other || mine.is_nan() && other.is_nan() || (mine - other).abs() <= 1e-6 * scale || other.abs() > 1e6;
        prop_assert!(same || text.contains("exp("), "{text} at {x}, {y}: {mine} and {other}");
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,40}", variables in "\\PC{0,12}") {
        let _ = Expression::new(&variables, &text, Sense::Energy).map_err(|e| e.to_string());
    }

    #[test]
    fn nor_does_one_of_its_own_words(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "x", "v", "y[", "v[1]", "sum(", "where(", "exp(", "min(", ")", "]", "(", "+", "-", "*", "^", "<", "==", ",",
                "1", "2.5e3", "e", "pi", "²", " ", "1e999", "v[1e99]", "v[-1]",
            ]),
            0..24,
        )
    ) {
        let text = words.concat();
        if let Err(e) = Expression::new("x,v[3]", &text, Sense::Energy) {
            prop_assert!(e.span.start <= e.span.end && e.span.end <= e.text.len(), "{e:?}");
            prop_assert!(e.to_string().contains('^'));
        }
    }
}
