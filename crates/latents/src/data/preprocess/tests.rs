use super::*;

fn table(values: &[f64], width: usize) -> Table {
    let columns = (1..=width).map(|i| Column::number(format!("x{i}"))).collect();
    Table::new(columns, values.to_vec()).unwrap()
}

fn pixels() -> Table {
    table(&[0.0, 255.0, 17.0, 128.0, 3.0, 0.0, 255.0, 200.0], 2)
}

const PIPELINES: &[&[Step]] = &[
    &[],
    &[Step::Standardise],
    &[Step::Logit { low: -1.0, high: 256.0, alpha: 0.0 }],
    &[Step::Logit { low: 0.0, high: 255.0, alpha: 0.05 }, Step::Standardise],
    &[Step::Dequantise { bin: 1.0 }],
    &[Step::Dequantise { bin: 0.5 }, Step::Standardise],
    &[Step::Dequantise { bin: 1.0 }, Step::Logit { low: 0.0, high: 256.0, alpha: 1e-6 }, Step::Standardise],
];

#[test]
fn the_inverse_undoes_every_pipeline() {
    for steps in PIPELINES {
        let preprocess = Preprocess::fit(&pixels(), steps).unwrap();
        for seed in 0..20 {
            let (y, _) = preprocess.forward(&pixels(), Key::new(seed)).unwrap();
            let back = preprocess.inverse(&y).unwrap();
            let worst = back.values().iter().zip(pixels().values()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            let exact = preprocess.is_random();
            assert!(if exact { worst == 0.0 } else { worst < 1e-12 * 255.0 }, "{steps:?}: {worst}");
        }
    }
}

/// The derivative of what the stages do to one value, by central differences; the noise is held fixed by the key.
#[test]
fn the_jacobian_is_the_slope_of_forward() {
    let h = 1e-4;
    for steps in PIPELINES.iter().filter(|steps| !matches!(steps.first(), Some(Step::Dequantise { .. }))) {
        let preprocess = Preprocess::fit(&pixels(), steps).unwrap();
        let at = |x: [f64; 2]| {
            let (y, log) = preprocess.forward(&table(&x, 2), Key::new(0)).unwrap();
            (y.to_vec::<f64>().unwrap(), log[0])
        };
        let x = [17.0, 203.0];
        let slopes = [0, 1].map(|j| {
            let (mut more, mut less) = (x, x);
            more[j] += h;
            less[j] -= h;
            (at(more).0[j] - at(less).0[j]) / (2.0 * h)
        });
        let log = slopes.iter().map(|s| s.abs().ln()).sum::<f64>();
        assert!((log - at(x).1).abs() < 1e-7, "{steps:?}: {log} and {}", at(x).1);
    }
}

/// The density in data units integrates to 1: a standard normal in `y` through the logit and the standardisation.
#[test]
fn a_density_in_data_units_is_normalised() {
    let fitted = table(&[0.5, 1.0, 2.5, 2.75, 3.5], 1);
    let preprocess =
        Preprocess::fit(&fitted, &[Step::Logit { low: 0.0, high: 4.0, alpha: 0.0 }, Step::Standardise]).unwrap();
    let n = 40_000;
    let grid: Vec<f64> = (0..n).map(|i| 4.0 * (i as f64 + 0.5) / n as f64).collect();
    let (y, log) = preprocess.forward(&table(&grid, 1), Key::new(0)).unwrap();
    let y = y.to_vec::<f64>().unwrap();
    let density = |(y, log): (&f64, &f64)| (log - 0.5 * y * y - 0.918_938_533_204_672_7).exp();
    let mass = y.iter().zip(&log).map(density).sum::<f64>() * 4.0 / n as f64;
    assert!((mass - 1.0).abs() < 1e-5, "{mass}");
}

#[test]
fn the_noise_of_a_row_does_not_depend_on_its_chunk() {
    let rows = table(&(0..600).map(|i| f64::from(i % 7)).collect::<Vec<_>>(), 1);
    let preprocess = Preprocess::fit(&rows, &[Step::Dequantise { bin: 1.0 }, Step::Standardise]).unwrap();
    let whole = preprocess.forward(&rows, Key::new(9)).unwrap();
    let tail = rows.select_rows(&(250..600).collect::<Vec<_>>());
    let part = preprocess.forward_from(&tail, 250, Key::new(9)).unwrap();
    assert_eq!(whole.0.to_vec::<f64>().unwrap()[250..], part.0.to_vec::<f64>().unwrap());
    assert_eq!(whole.1[250..], part.1);
    let other = preprocess.forward(&rows, Key::new(8)).unwrap();
    assert_ne!(whole.0.to_vec::<f64>().unwrap(), other.0.to_vec::<f64>().unwrap());
}

#[test]
fn categories_and_unchosen_columns_pass_unchanged() {
    let columns =
        vec![Column::number("a"), Column::categories("b", vec!["u".into(), "v".into()]), Column::number("count")];
    let rows = Table::new(columns, vec![1.0, 1.0, 4.0, 3.0, 0.0, 9.0]).unwrap();
    let preprocess = Preprocess::fit_where(&rows, &[Step::Standardise], |column| column.name != "count").unwrap();
    let (y, log) = preprocess.forward(&rows, Key::new(0)).unwrap();
    assert_eq!(y.to_vec::<f64>().unwrap(), [-1.0, 1.0, 4.0, 1.0, 0.0, 9.0]);
    assert_eq!(log, [0.0, 0.0]);
    assert_eq!(preprocess.inverse(&y.cast(DType::F32)).unwrap(), rows);
    let saved = serde_json::to_string(&preprocess).unwrap();
    assert_eq!(serde_json::from_str::<Preprocess>(&saved).unwrap(), preprocess);
    let short = saved.replacen("\"mean\":[2.0,0.0,0.0]", "\"mean\":[2.0]", 1);
    assert_ne!(short, saved);
    assert!(serde_json::from_str::<Preprocess>(&short).unwrap_err().to_string().contains("does not fit"));
}

#[test]
fn what_cannot_be_fitted_or_applied_is_refused_in_its_place() {
    let fault = |table: &Table, steps: &[Step]| Preprocess::fit(table, steps).unwrap_err();
    let error = fault(&table(&[1.0, 5.0, 2.0, 5.0], 2), &[Step::Standardise]);
    assert_eq!(
        error.to_string(),
        "column `x2`: every value is 5: a constant has no density; help: leave the column out with `--without x2`"
    );
    assert!(matches!(*fault(&table(&[1.0], 1), &[Step::Standardise]).fault, Fault::FewRows { found: 1, .. }));
    let close = table(&[1e9, 1e9 + 1e-6], 1);
    assert!(matches!(*fault(&close, &[Step::Standardise]).fault, Fault::Constant { .. }));
    let error = fault(&table(&[0.5, 0.0], 1), &[Step::Logit { low: 0.0, high: 1.0, alpha: 0.0 }]);
    assert!(matches!(*error.fault, Fault::Outside { .. }) && error.row == Some(2));
    let error = fault(&table(&[1.0, 2.5], 1), &[Step::Dequantise { bin: 1.0 }]);
    assert!(matches!(*error.fault, Fault::OffGrid { .. }) && error.row == Some(2));
    for bad in [
        vec![Step::Logit { low: 1.0, high: 1.0, alpha: 0.1 }],
        vec![Step::Logit { low: 0.0, high: f64::INFINITY, alpha: 0.1 }],
        vec![Step::Logit { low: 0.0, high: 1.0, alpha: 0.5 }],
        vec![Step::Dequantise { bin: 0.0 }],
        vec![Step::Standardise, Step::Dequantise { bin: 1.0 }],
    ] {
        assert!(fault(&pixels(), &bad).is_usage(), "{bad:?}");
    }
    let preprocess = Preprocess::fit(&pixels(), &[Step::Standardise]).unwrap();
    let error = preprocess.forward(&table(&[1.0, 2.0, 3.0], 3), Key::new(0)).unwrap_err();
    assert!(matches!(*error.fault, Fault::Mismatch { .. }));
    let wrong = Tensor::new(vec![0.0f64; 6], &[2, 3]);
    assert!(matches!(*preprocess.inverse(&wrong).unwrap_err().fault, Fault::Shape { .. }));
    let infinite = Tensor::new(vec![0.0f64, f64::INFINITY], &[1, 2]);
    assert!(matches!(*preprocess.inverse(&infinite).unwrap_err().fault, Fault::NotFinite { .. }));
}
