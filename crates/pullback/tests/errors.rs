//! Every error names the operation, the shapes, the caller's line and what to do.

use pullback::{Along, DType, Error, ErrorKind, Key, Rows, Shared, Tensor, Tree, grad, jit, jvp, value_and_grad, vmap};
use std::cell::RefCell;

/// The error, checked to point into this file, at `line`, and to contain `parts`.
#[track_caller]
fn says(result: Result<Tensor, Error>, line: u32, parts: &[&str]) -> Error {
    let e = result.expect_err("a fault");
    let text = e.to_string();
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing: {text}");
    }
    assert!(text.contains("; help: "), "{text}");
    let at = e.at().unwrap_or_else(|| panic!("no line: {text}"));
    assert!(at.file().ends_with("errors.rs"), "{text}");
    // The formatter may put a call on the lines below.
    assert!(at.line().abs_diff(line) <= 2, "not near line {line}: {text}");
    e
}

fn checked(t: Tensor) -> Result<Tensor, Error> {
    t.error().cloned().map_or(Ok(t), Err)
}

fn floats(sizes: &[usize]) -> Tensor {
    Tensor::full(1.0, DType::F32, sizes)
}

#[test]
fn shapes() {
    let (a, b) = (floats(&[2, 3]), floats(&[4]));
    says(checked(&a + &b), line!(), &["add: shapes do not broadcast: [2, 3] and [4]", "only 1 stretches"]);
    says(checked(a.dot(&b)), line!(), &["dot: inner sizes differ: [2, 3] · [4]", "transpose"]);
    says(checked(a.reshape([5])), line!(), &["reshape: sizes differ: [2, 3] to [5]"]);
    says(checked(a.sum().reduce_sum(&[0])), line!(), &["reduce_sum: no axis 0 in []"]);
    says(checked(a.slice(1, 2, 5)), line!(), &["slice: 2..5 leaves an axis of 3"]);
    says(checked(a.transpose(&[0, 0])), line!(), &["transpose: shape [2, 3]", "not [0, 0]"]);
    says(checked(Tensor::concat(&[&a, &b], 0)), line!(), &["concat", "[2, 3]", "[4]"]);
    says(checked(Tensor::new(vec![1.0f32], &[2])), line!(), &["tensor: 1 elements for shape [2]"]);
    says(checked(b.unsqueeze(3)), line!(), &["unsqueeze: no axis 3 in [4]"]);
    says(checked(b.size(1)), line!(), &["size: no axis 1 in [4]"]);
    says(checked(floats(&[0]).take(&Tensor::scalar(0i32))), line!(), &["gather: no elements"]);
}

#[test]
fn element_types() {
    let a = floats(&[2]);
    let b = a.cast(DType::F64);
    says(checked(&a * &b), line!(), &["mul: element types do not mix: f32 and f64", ".cast(DType::"]);
    says(checked(a.cast(DType::I32).exp()), line!(), &["exp: ", "i32", "f32 or f64"]);
    says(checked(a.cast(DType::I32) + 0.5), line!(), &["i32", "f64"]);
    says(b.to_vec::<f32>().map(Tensor::from), line!(), &["value", "f64", "f32"]);
}

#[test]
fn the_first_fault_travels() {
    let first = floats(&[2]) + floats(&[3]);
    let at = line!() - 1;
    let later = first.unsqueeze(5).transpose(&[3, 1]).size(7).logsumexp(2).dot(&floats(&[9])).softmax(4).t().mean();
    let later = vmap(|x: Tensor| x.log_mean_exp(3)).call(Along(4, later)) + 1.0;
    says(checked(later), at, &["add: shapes do not broadcast: [2] and [3]"]);
}

#[test]
fn derivatives() {
    let x = floats(&[2]);
    says(
        grad(|x: Tensor| &x * 2.0).try_call(x.clone()),
        line!(),
        &["grad: ", "shape [2], not that of a scalar", "vjp"],
    );
    let ids = Tensor::from([1, 2]);
    says(grad(|x: Tensor| x.sum()).try_call(ids.clone()), line!(), &["grad: ", "i32"]);
    says(grad(|x: Tensor| x.gt(0.0).sum()).try_call(x.clone()), line!(), &["reduce_sum", "bool"]);
    #[derive(Tree, Debug)]
    struct Parts {
        w: Tensor,
        index: Tensor,
    }
    let parts = Parts { w: x.clone(), index: ids };
    let e = value_and_grad(|p: Parts| p.w.take(&p.index).sum()).try_call(parts).unwrap_err();
    assert!(e.to_string().contains("no derivative with respect to `index` of type i32"), "{e}");
    let (_, dy) = jvp(|x: Tensor| x.exp()).call(x, floats(&[3]));
    says(checked(dy), line!() - 1, &["jvp", "[3]", "[2]"]);
}

#[test]
fn tensors_out_of_their_function() {
    let kept = RefCell::new(None);
    let keep = |x: Tensor| {
        *kept.borrow_mut() = Some(x.clone());
        x.sum()
    };
    let _ = grad(keep).call(floats(&[2]));
    let escaped = kept.borrow_mut().take().unwrap();
    says(checked(&escaped + 1.0), line!(), &["add: the tensor belongs to a function that has returned"]);
    let read = |x: Tensor| {
        says(x.item::<f32>().map(Tensor::scalar), line!(), &["value: the tensor has no value while"]);
        x
    };
    let _ = grad(read).call(Tensor::scalar(1.0f32));
}

#[test]
fn maps() {
    let (a, b) = (floats(&[2, 3]), floats(&[4]));
    let sum = |a: Tensor, b: Tensor| a.sum() + b;
    says(
        vmap(sum).try_call((a.clone(), b.clone())),
        line!(),
        &["vmap: mapped axes differ in size: 2 of `0` [2, 3] and 4 of `1` [4]", "Shared"],
    );
    says(vmap(sum).try_call((Shared(a.clone()), Shared(b.clone()))), line!(), &["vmap: no argument is mapped"]);
    says(vmap(|x: Tensor| x).try_call(Along(1, b.clone())), line!(), &["vmap: `0`: no axis 1 in [4]"]);
    says(vmap(|x: Tensor| x.dot(&floats(&[5]))).try_call(a), line!(), &["dot: inner sizes differ: [3] · [5]"]);
}

#[test]
fn ragged_rows() {
    let counts = Tensor::from([2, 1]);
    let pairs = |c: Tensor| {
        let x = c.rows().cast(DType::F64);
        x.unsqueeze(1).broadcast_to(vec![x.shape().dims()[0], 1.into()]).dot(&x.unsqueeze(0)).sum()
    };
    says(
        vmap(pairs).try_call(counts.clone()),
        line!() - 2,
        &["vmap does not go through", "pairs every row of a ragged axis"],
    );
    let inside = |c: Tensor| vmap(|k: Tensor| k.rows().sum()).call(c.rows()).sum();
    says(vmap(inside).try_call(counts.clone()), line!() - 1, &["ragged rows inside ragged rows"]);
    says(
        vmap(|c: Tensor| c.rows().slice(0, 0, 1)).try_call(counts.clone()),
        line!(),
        &["slice", "known size on axis 0"],
    );
    let drawn = |key: Key, c: Tensor| key.uniform(c.rows().shape(), DType::F32).sum();
    says(vmap(drawn).try_call((Key::new(0).split_n(2), counts)), line!() - 1, &["one key drawing over a ragged axis"]);
}

#[test]
fn segments_that_are_not_there() {
    let x = floats(&[3, 2]);
    let sum = |ids: [i32; 3]| x.segment_sum(&Tensor::from(ids), 2);
    says(checked(sum([0, 1, 2])), line!() - 1, &["segment_sum: row 2 is of segment 2, and there are 2"]);
    says(checked(sum([-1, 0, 1])), line!() - 2, &["row 0 is of segment -1, and there are 2"]);
    says(checked(sum([1, 0, 1])), line!() - 3, &["row 1 is of segment 0, after a row of a later one"]);
    says(
        checked(x.repeat_rows(&Tensor::from([0, 3]))),
        line!(),
        &["repeat_rows: row 1 is of segment 3, and there are 3"],
    );
    assert!(sum([0, 0, 1]).error().is_none() && x.repeat_rows(&Tensor::from([0, 2, 2])).error().is_none());
}

#[test]
fn a_range_without_numbers() {
    says(checked(Key::new(0).randint(5, 5, [2])), line!(), &["randint: no whole number i with 5 ≤ i < 5"]);
}

#[test]
fn two_symbolic_extents_are_told_apart() {
    let add = jit(|Rows(a): Rows<Tensor>, Rows(b): Rows<Tensor>| a + b);
    let e = says(add.call((Rows(floats(&[2])), Rows(floats(&[3])))), line!() - 1, &["[rows] and [rows']"]);
    assert!(matches!(e.kind(), ErrorKind::Shapes { .. }));
    let dot = jit(|Rows(a): Rows<Tensor>, Rows(b): Rows<Tensor>| a.t().dot(&b));
    says(dot.call((Rows(floats(&[2, 4])), Rows(floats(&[3, 4])))), line!() - 1, &["[4, rows] · [rows', 4]"]);
}
