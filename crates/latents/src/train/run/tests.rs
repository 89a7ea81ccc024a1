//! The loop on a task of one number: noisy steps towards 1, checked exactly.

use super::*;
use crate::train::{Check, Collapse, Limits, Watch};
use pullback::DType;
use serde_json::json;

/// `w ← w - rate (w - 1 + noise)`; an inverse rate makes it run away.
struct Toy {
    rate: f32,
}

#[derive(Tree)]
struct ToyState {
    w: Tensor,
    updates: Tensor,
}

impl Task for Toy {
    type Weights = Tensor;
    type State = ToyState;
    type Check = Check;

    fn init(&self, key: Key) -> Result<ToyState, pullback::Error> {
        Ok(ToyState { w: key.normal([2], DType::F32), updates: Tensor::scalar(0i32) })
    }

    fn step(&self, s: ToyState, _: u32, key: Key) -> Result<(ToyState, f64), pullback::Error> {
        let error = &s.w - 1.0 + key.normal_like(&s.w) * 0.1;
        let loss = f64::from((&error * &error).mean().item::<f32>()?);
        Ok((ToyState { w: &s.w - error * f64::from(self.rate), updates: s.updates + 1 }, loss))
    }

    fn weights(state: &ToyState) -> Tensor {
        state.w.clone()
    }

    fn with_weights(state: ToyState, w: Tensor) -> ToyState {
        ToyState { w, ..state }
    }

    fn check(&self, w: &Tensor, _: Key, Stage { step, loss }: Stage) -> Result<Check, pullback::Error> {
        let upper = f64::from((w - 1.0).square().mean().item::<f32>()?);
        Ok(Check { step, loss, lower: upper * 0.5, upper, se: 1e-3, ess: 1.0 / (1.0 + upper) })
    }
}

const PLAN: Plan = Plan { steps: 23, check_every: 5 };

fn bytes(p: &Progress<Toy>) -> Vec<u8> {
    let mut c = Checkpoint::new("toy", json!({}));
    p.put(&mut c).expect("values");
    c.to_bytes().expect("bytes")
}

fn run(task: &Toy, p: Progress<Toy>, stop_at: Option<u32>) -> Outcome<Toy> {
    let watch = Watch::new(Limits::default());
    train(task, p, PLAN, &watch, &mut |_, p| Some(p.step()) != stop_at).expect("runs")
}

#[test]
fn resumed_anywhere_it_ends_in_the_same_bytes() {
    let task = Toy { rate: 0.2 };
    let fresh = || Progress::new(&task, Key::new(5)).expect("init");
    let whole = run(&task, fresh(), None);
    assert_eq!(whole.stop, Stop::Finished);
    assert_eq!(whole.progress.checks().iter().map(|c| c.step).collect::<Vec<_>>(), [0, 5, 10, 15, 20, 23]);
    for at in 0..PLAN.steps {
        let part = run(&task, fresh(), Some(at));
        assert_eq!((part.stop, part.progress.step()), (Stop::Interrupted, at));
        let saved = Checkpoint::from_bytes(&bytes(&part.progress)).expect("a checkpoint");
        let rest = run(&task, Progress::take(&task, saved).expect("of this model"), None);
        assert_eq!(rest.steps, PLAN.steps - at);
        assert_eq!(bytes(&rest.progress), bytes(&whole.progress), "stopped at {at}");
    }
}

#[test]
fn a_collapse_ends_the_run_and_the_best_is_delivered() {
    let task = Toy { rate: -2.0 };
    let p = Progress::new(&task, Key::new(5)).expect("init");
    let initial = p.state().w.to_vec::<f32>().expect("value");
    let end = run(&task, p, None);
    assert!(matches!(end.stop, Stop::Judged(_)), "{:?}", end.stop);
    assert!(end.progress.step() < PLAN.steps);
    let (delivered, check) = end.progress.deliver(end.stop);
    assert_eq!(check.map(|c| c.step), Some(0));
    assert_eq!(delivered.state().w.to_vec::<f32>().expect("value"), initial);
}

#[test]
fn figures_that_are_no_numbers_end_the_run() {
    let task = Toy { rate: f32::NAN };
    let end = run(&task, Progress::new(&task, Key::new(5)).expect("init"), None);
    // The first step spoils the state; the check after the fifth sees it before twenty losses do.
    assert_eq!(end.stop, Stop::Judged(Collapse::Figures { step: 5 }));
    let (delivered, check) = end.progress.deliver(end.stop);
    assert_eq!(check.map(|c| c.step), Some(0));
    assert!(delivered.state().w.to_vec::<f32>().expect("value").iter().all(|x| x.is_finite()));
}

#[test]
fn losses_that_are_no_numbers_end_the_run() {
    let task = Toy { rate: f32::NAN };
    let p = Progress::new(&task, Key::new(5)).expect("init");
    let watch = Watch::new(Limits { lost: 3, ..Limits::default() });
    let end = train(&task, p, PLAN, &watch, &mut |_, _| true).expect("runs");
    assert_eq!(end.stop, Stop::Judged(Collapse::Loss { step: 4 }));
    assert_eq!(end.progress.deliver(end.stop).1.map(|c| c.step), Some(0));
}

#[test]
fn the_end_is_delivered_where_it_is_best() {
    let task = Toy { rate: 0.2 };
    let end = run(&task, Progress::new(&task, Key::new(5)).expect("init"), None);
    let w = end.progress.state().w.to_vec::<f32>().expect("value");
    let (delivered, check) = end.progress.deliver(end.stop);
    assert_eq!(check.map(|c| c.step), Some(PLAN.steps));
    assert_eq!(delivered.state().w.to_vec::<f32>().expect("value"), w);
}

#[test]
fn a_checkpoint_of_another_task_is_refused() {
    let task = Toy { rate: 0.2 };
    let mut c = Checkpoint::new("toy", json!({}));
    Progress::new(&task, Key::new(5)).expect("init").put(&mut c).expect("values");
    let mut wide = c.clone();
    wide.put("w", &Tensor::from([0.0f32; 3])).expect("values");
    assert!(matches!(Progress::take(&task, wide), Err(CheckpointError { fault: Fault::Misshapen { .. }, .. })));
    let mut more = c.clone();
    more.put("extra", &Tensor::from([0.0f32; 3])).expect("values");
    assert!(matches!(Progress::take(&task, more), Err(CheckpointError { fault: Fault::Extra { .. }, .. })));
    c.take_tensor("best").expect("there");
    assert!(matches!(Progress::take(&task, c), Err(CheckpointError { fault: Fault::Missing { .. }, .. })));
}
