//! Round trips, every way a file can be wrong, and every length it can be cut to.

use super::*;
use proptest::prelude::*;
use serde_json::json;

#[derive(Tree)]
struct Net {
    w: Tensor,
    b: Option<Tensor>,
    counts: (Tensor, Tensor, Tensor),
}

fn net() -> Net {
    Net {
        w: Tensor::from([[1.0f32, -0.0, f32::NAN], [f32::INFINITY, 1e-40, 3.5]]),
        b: Some(Tensor::from([0.1f64, 0.2])),
        counts: (Tensor::from([-1i32, 7]), Tensor::scalar(u32::MAX), Tensor::from([true, false, true])),
    }
}

fn saved() -> Vec<u8> {
    let mut c = Checkpoint::new("net", json!({ "seed": 1, "name": "é" }));
    c.put("model", &net()).expect("values");
    c.put("step", &Tensor::scalar(12u32)).expect("values");
    c.to_bytes().expect("bytes")
}

fn loaded(bytes: &[u8]) -> Checkpoint {
    Checkpoint::from_bytes(bytes).expect("a checkpoint")
}

#[test]
fn every_bit_comes_back() {
    let mut c = loaded(&saved());
    assert_eq!(c.config(), &json!({ "seed": 1, "name": "é" }));
    let model = c.take("model", &net()).expect("fits");
    assert_eq!(c.take_tensor("step").expect("there").item::<u32>().expect("value"), 12);
    c.finish().expect("nothing else");
    for (a, b) in leaves(&model).iter().zip(leaves(&net())) {
        assert_eq!(a.name, b.name);
        let bytes = |t: &Tensor| encode(t.value().expect("value").data());
        assert_eq!(bytes(&a.tensor), bytes(&b.tensor), "{}", a.name);
    }
}

#[test]
fn equal_content_gives_equal_bytes() {
    assert_eq!(saved(), saved());
    assert_eq!(loaded(&saved()).to_bytes().expect("bytes"), saved());
}

#[test]
fn a_bit_that_has_changed_in_a_tensor_is_found_and_a_file_without_a_checksum_is_read() {
    let whole = saved();
    let data = 8 + u64::from_le_bytes(whole[..8].try_into().expect("eight bytes")) as usize;
    for byte in data..whole.len() {
        for bit in 0..8 {
            let mut changed = whole.clone();
            changed[byte] ^= 1 << bit;
            let fault = Checkpoint::from_bytes(&changed).expect_err("an error");
            assert!(matches!(fault, Fault::Damaged { .. }), "byte {byte}, bit {bit}: {fault}");
        }
    }
    // An entry of another name says nothing, as a file of an earlier version does.
    let old = b"\\\"checksum\\\"";
    let at = whole.windows(old.len()).position(|w| w == old).expect("a checksum");
    let mut earlier = whole;
    earlier[at + 2] = b'x';
    *earlier.last_mut().expect("bytes") ^= 1;
    loaded(&earlier);
}

#[test]
fn cut_at_every_byte() {
    let whole = saved();
    for length in 0..whole.len() {
        let fault = Checkpoint::from_bytes(&whole[..length]).expect_err("an error");
        // Of one to three bytes nothing can be told.
        let told = matches!(fault, Fault::Truncated { .. });
        assert_eq!(told, !(1..4).contains(&length), "{length} of {}: {fault}", whole.len());
    }
    for foreign in [&b"a"[..], b"hello", b"1,2,3\n", b"\x89PNG\r\n\x1a"] {
        let fault = Checkpoint::from_bytes(foreign).expect_err("an error");
        assert!(matches!(fault, Fault::NotSafetensors(_)), "{fault}");
    }
}

#[test]
fn numbers_under_a_prefix_are_counted() {
    let c = loaded(&saved());
    let all: usize = leaves(&net()).iter().filter_map(|l| l.tensor.array()).map(|a| a.len()).sum();
    assert_eq!((c.numbers("model"), c.numbers("mod"), c.numbers("model.w")), (all as u64, 0, 6));
}

#[test]
fn another_model_is_named() {
    let take = |template: Net| {
        let mut c = loaded(&saved());
        c.take("model", &template).map(|_| ()).expect_err("another model").fault
    };
    let fault = take(Net { w: Tensor::from([[1.0f32, 2.0]]), ..net() });
    assert_eq!(fault.to_string(), "another model: `model.w` is f32 [2, 3] in the file and f32 [1, 2] in this model");
    let fault = take(Net { w: Tensor::from([[1.0f64, 2.0, 3.0], [0.0, 0.0, 0.0]]), ..net() });
    assert!(matches!(fault, Fault::Misshapen { .. }), "{fault}");
    let mut c = loaded(&saved());
    c.take("model", &Net { b: None, ..net() }).expect("the leaves there are fit");
    c.take_tensor("step").expect("there");
    let fault = c.finish().expect_err("an extra leaf").fault;
    assert_eq!(fault.to_string(), "another model: the file has `model.b`, f64 [2], which this model lacks");
    let fault = loaded(&saved()).take("optimiser", &net()).map(|_| ()).expect_err("missing").fault;
    assert!(matches!(fault, Fault::Missing { name, .. } if name == "optimiser.w"));
    let fault = loaded(&saved()).expect_kind("vae").expect_err("kind").fault;
    assert!(matches!(fault, Fault::Kind { found, wanted } if found == "net" && wanted == "vae"));
}

#[test]
fn other_files_are_told_apart() {
    for bytes in [&b"PK\x03\x04 a zip archive, say"[..], b"\x89PNG\r\n\x1a\n0123456789", b"step,loss\n0,1\n1,0.5\n"] {
        let fault = Checkpoint::from_bytes(bytes).expect_err("another format");
        assert!(matches!(fault, Fault::NotSafetensors(_)), "{fault}");
    }
    let one = [1.0f32.to_le_bytes()].concat();
    let view = || TensorView::new(Dtype::F32, vec![1], &one).expect("view");
    let plain = safetensors::serialize([("w", view())], None).expect("bytes");
    assert!(matches!(Checkpoint::from_bytes(&plain), Err(Fault::Foreign(_))));
    let with = |text: &str| {
        let metadata = HashMap::from([(ENTRY.to_owned(), text.to_owned())]);
        Checkpoint::from_bytes(&safetensors::serialize([("w", view())], Some(metadata)).expect("bytes")).map(|_| ())
    };
    assert!(matches!(with("{"), Err(Fault::Foreign(_))));
    assert!(matches!(with(r#"{"version": 99, "shape": "new"}"#), Err(Fault::Newer { found: 99 })));
    let half = [0u8; 2];
    let half = TensorView::new(Dtype::F16, vec![1], &half).expect("view");
    let metadata = HashMap::from([(ENTRY.to_owned(), r#"{"version":1,"kind":"net","config":{}}"#.to_owned())]);
    let bytes = safetensors::serialize([("w", half)], Some(metadata)).expect("bytes");
    assert!(matches!(Checkpoint::from_bytes(&bytes), Err(Fault::DType { .. })));
}

#[test]
fn files_are_named_in_errors() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("none.safetensors");
    let e = Checkpoint::load(&path).expect_err("no file");
    assert!(e.to_string().contains("none.safetensors") && matches!(e.fault, Fault::Read(_)));
    let e = Checkpoint::new("net", json!({})).save(&folder.path().join("no/such/folder/x")).expect_err("no folder");
    assert!(matches!(e.fault, Fault::Write(_)));
    let faulty = Tensor::new(vec![1.0f32], &[2]);
    let e = Checkpoint::new("net", json!({})).put("w", &faulty).expect_err("no value");
    assert!(matches!(e.fault, Fault::Value { .. }));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(flips in prop::collection::vec((0usize..2000, any::<u8>()), 1..8), cut in 0usize..2000) {
        let mut bytes = saved();
        for (at, byte) in flips {
            let n = bytes.len();
            bytes[at % n] = byte;
        }
        bytes.truncate(cut);
        let _ = Checkpoint::from_bytes(&bytes);
    }
}
