//! The order of rows, going on within an epoch, and who is blamed for a number that is none.

use super::*;
use crate::model::Vae;
use crate::objective::{Bound, EncoderGradient, Update};
use crate::optim::{Adam, Schedule};
use crate::train::{Checkpoint, Outcome, Plan, Progress, Stop, train};
use serde_json::json;

fn estimation() -> Estimation {
    Estimation {
        bound: Bound::Iwae { samples: 3 },
        proposal: None,
        encoder_gradient: EncoderGradient::Dreg,
        update: Update { adam: Adam::new(Schedule::Constant(1e-2)), clip: None },
    }
}

fn task_of(rows: Tensor) -> FitTask<Vae> {
    let rows = Arc::new(rows);
    let settings = FitSettings { batch: 8, samples: 4, seed: 3 };
    let model = |key| Ok(Vae::new(key, 2, 1, &[4], DType::F32));
    FitTask::new(estimation(), model, rows.clone(), rows, settings)
}

/// 21 rows: three batches, the last of five.
fn task() -> FitTask<Vae> {
    task_of(Key::new(1).normal([21, 2], DType::F32))
}

fn bytes(p: &Progress<FitTask<Vae>>) -> Vec<u8> {
    let mut c = Checkpoint::new("test", json!({}));
    p.put(&mut c).expect("values");
    c.to_bytes().expect("bytes")
}

fn run(task: &FitTask<Vae>, p: Progress<FitTask<Vae>>, stop_at: Option<u32>) -> Outcome<FitTask<Vae>> {
    let plan = Plan { steps: 10, check_every: task.batches() };
    train(task, p, plan, &Patience(100), &mut |_, p| Some(p.step()) != stop_at).expect("runs")
}

#[test]
fn an_epoch_shows_every_row_once_and_the_next_in_another_order() {
    let task = task();
    assert_eq!(task.batches(), 3);
    let epoch = |e: u32| (0..3).flat_map(|b| task.numbers(3 * e + b).expect("drawn")).collect::<Vec<_>>();
    let (first, second) = (epoch(0), epoch(1));
    for order in [&first, &second] {
        let mut sorted = order.clone();
        sorted.sort();
        assert_eq!(sorted, (0..21).collect::<Vec<_>>());
    }
    assert_ne!(first, second);
    // Asked for again, out of order, it is the same.
    assert_eq!(epoch(0), first);
    assert_eq!(task.numbers(2).expect("drawn").len(), 5);
}

#[test]
fn stopped_anywhere_and_resumed_it_ends_in_the_same_bytes_by_one_program() {
    let whole_task = task();
    let before = pullback::compiles();
    let whole = run(&whole_task, Progress::new(&whole_task, Key::new(5)).expect("init"), None);
    // The step and the validation; the short batch costs nothing.
    assert!(pullback::compiles() - before <= 2, "{}", pullback::compiles() - before);
    assert_eq!(whole.stop, Stop::Finished);
    assert_eq!(whole.progress.checks().iter().map(|c| c.step).collect::<Vec<_>>(), [0, 3, 6, 9, 10]);
    for at in [1, 2, 3, 7] {
        let first = task();
        let part = run(&first, Progress::new(&first, Key::new(5)).expect("init"), Some(at));
        assert_eq!(part.stop, Stop::Interrupted);
        let saved = Checkpoint::from_bytes(&bytes(&part.progress)).expect("a checkpoint");
        // Another process knows nothing of the first one's epoch.
        let second = task();
        let rest = run(&second, Progress::take(&second, saved).expect("of this model"), None);
        assert_eq!(bytes(&rest.progress), bytes(&whole.progress), "stopped at {at}");
    }
}

#[test]
fn a_row_that_is_no_number_stops_the_run_and_is_blamed_with_its_batch() {
    let mut values = vec![0.5f32; 42];
    values[2 * 17 + 1] = f32::NAN;
    let task = task_of(Tensor::new(values, &[21, 2]));
    let clean = Progress::new(&task, Key::new(5)).expect("init");
    // Not by the validation, which would see the row first.
    let judge = OnlySteps;
    let plan = Plan { steps: 10, check_every: 100 };
    let end = train(&task, clean, plan, &judge, &mut |_, _| true).expect("runs");
    let Stop::Judged(FitEnd::Step { step }) = end.stop else { panic!("{:?}", end.stop) };
    assert!((1..=3).contains(&step), "{step}");
    let lost = step - 1;
    let blamed = task.blame(end.progress.state(), lost, end.progress.step_key(lost)).expect("found");
    assert_eq!(
        (blamed.tensor.as_str(), blamed.part, blamed.step, blamed.epoch, blamed.batch),
        ("x", "value", step, 1, step)
    );
    assert!(blamed.rows.contains(&17));
    assert!(blamed.to_string().contains(&format!("step {step} (epoch 1, batch {step}")), "{blamed}");
    // The state is the last good one.
    assert!(leaves(&end.progress.state().model).iter().all(|l| !has_lost(&l.tensor).expect("a value")));
}

struct OnlySteps;

impl Judge<FitCheck> for OnlySteps {
    fn losses(&self, step: u32, lost: u32) -> Option<FitEnd> {
        Patience(1).losses(step, lost)
    }

    fn checks(&self, _: &[FitCheck]) -> Option<FitEnd> {
        None
    }
}

#[test]
fn a_weight_and_a_gradient_that_are_no_numbers_are_blamed_by_name() {
    let task = task();
    let mut state = task.init(Key::new(2)).expect("init");
    let good = state.clone();
    state.model = map_leaves(&state.model, |leaf| match leaf.name.contains("decoder") {
        true => leaf.tensor * f64::NAN,
        false => leaf.tensor,
    });
    let blamed = task.blame(&state, 0, Key::new(0)).expect("found");
    assert!(blamed.tensor.starts_with("decoder") && blamed.part == "value", "{blamed}");
    // Weights so large that the likelihood overflows.
    state.model = map_leaves(&good.model, |leaf| leaf.tensor * 1e30);
    let blamed = task.blame(&state, 0, Key::new(0)).expect("found");
    assert_eq!(blamed.part, "gradient", "{blamed}");
}
