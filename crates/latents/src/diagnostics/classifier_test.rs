//! The two-sample test by a classifier.

use crate::diagnostics::SampleError;
use crate::diagnostics::two_sample::{Pooled, permutation};
use crate::nn::{Activation, Init, Mlp};
use crate::optim::{Adam, Schedule};
use pullback::{DType, Error, Key, Rows, Tensor, grad, jit, vmap};

/// Rows of each sample that are used at most.
const MOST: usize = 2000;
const HIDDEN: usize = 32;
const STEPS: usize = 200;

/// What the test found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassifierTest {
    /// The part of held-out rows that were told right, both samples counted alike; 1/2 under one law.
    pub accuracy: f64,
    /// The chance of one at least as high under one law.
    pub p_value: f64,
    /// How many rows were held out.
    pub held_out: usize,
}

/// Why there is no result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClassifierError {
    /// The samples.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// The network.
    #[error(transparent)]
    Network(#[from] Error),
}

/// Whether a small network can tell two samples apart (Lopez-Paz & Oquab 2017).
///
/// One hidden layer of 32 tanh units is trained on half of the rows by the logistic loss, and its accuracy taken on the
/// other half. Under one law each row is told right with chance 1/2, so that the accuracy over `n` held-out rows is about
/// `N(1/2, 1/(4n))`, which gives the p-value. Both samples give equally many rows.
///
/// # Shapes
/// `a`, `b`: rows of `columns` numbers each, end to end. Of more than 2000 rows, 2000 spread evenly are used.
///
/// # Errors
/// Samples that cannot be compared.
///
/// ```
/// use latents::diagnostics::classifier_test;
/// use pullback::{DType, Key};
/// let normal = |seed| Key::new(seed).normal([600], DType::F64).to_vec::<f64>();
/// let (a, b) = (normal(1)?, normal(2)?);
/// // The same mean and variance in each column, another correlation.
/// let tied: Vec<f64> = b.chunks(2).flat_map(|r| [r[0], 0.9 * r[0] + 0.19f64.sqrt() * r[1]]).collect();
/// assert!(classifier_test(&a, &b, 2, Key::new(3))?.p_value > 0.05);
/// assert!(classifier_test(&a, &tied, 2, Key::new(3))?.p_value < 0.01);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn classifier_test(a: &[f64], b: &[f64], columns: usize, key: Key) -> Result<ClassifierTest, ClassifierError> {
    let fewest = a.len().min(b.len()).checked_div(columns).unwrap_or(0);
    let pooled = Pooled::new(a, b, columns, fewest.min(MOST), 20)?;
    let (half, initial) = key.split();
    // Half of each sample is held out, so that both halves are balanced.
    let order = permutation(half, pooled.first);
    let (train, test) = order.split_at(pooled.first / 2);
    let part = |members: &[usize]| {
        let pairs = || members.iter().flat_map(|&i| [(i, 0.0f32), (i + pooled.first, 1.0)]);
        let values = pairs().flat_map(|(i, _)| pooled.row(i).iter().map(|&x| x as f32)).collect();
        let labels: Vec<f32> = pairs().map(|(_, label)| label).collect();
        let n = labels.len();
        (Tensor::new(values, &[n, columns]), Tensor::new(labels, &[n]))
    };
    let adam = Adam::new(Schedule::Constant(0.02));
    let mut net = Mlp::new(initial, &[columns, HIDDEN, 1], Activation::Tanh, Init::GlorotUniform, DType::F32);
    let mut state = adam.init(&net);
    let step = jit(move |net: Mlp, state, Rows((x, y)): Rows<(Tensor, Tensor)>| {
        let loss = |net: Mlp| {
            let logit = logits(&net, &x);
            // -log p(y) = softplus(logit) - y logit, and a weak pull to 0 against noise learned by heart.
            let decay: Tensor =
                net.layers.iter().map(|l| l.w.square().sum()).fold(Tensor::scalar(0.0f32), |a, b| a + b);
            (logit.softplus() - &y * &logit).mean() + decay * 1e-3
        };
        let slope = grad(loss).call(net.clone());
        adam.update(&net, &slope, &state)
    });
    let (x, y) = part(train);
    for _ in 0..STEPS {
        (net, state) = step.call((net, state, Rows((x.clone(), y.clone()))))?;
    }
    let (x, y) = part(test);
    let told = logits(&net, &x).to_vec::<f32>()?;
    let held_out = told.len();
    let right = told.iter().zip(y.to_vec::<f32>()?).filter(|&(&logit, y)| (logit > 0.0) == (y > 0.5)).count();
    let accuracy = right as f64 / held_out as f64;
    let z = (accuracy - 0.5) * 2.0 * (held_out as f64).sqrt();
    let p_value = (Tensor::scalar(z / std::f64::consts::SQRT_2).erfc() * 0.5).item::<f64>()?;
    Ok(ClassifierTest { accuracy, p_value, held_out })
}

fn logits(net: &Mlp, x: &Tensor) -> Tensor {
    vmap(|x: Tensor| net.at(&x).sum()).call(x.clone())
}
