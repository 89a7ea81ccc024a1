//! Wrong use: a clear message, exit code 2, and nothing written.

use crate::{Place, TINY, done, read, said};
use safetensors::SafeTensors;
use std::collections::HashMap;
use std::fs;

/// Options, and what the message must say.
const WRONG: &[(&str, &[&str])] = &[
    ("--target funel", &["'funel'", "similar value", "'funnel'", "banana"]),
    ("--estimator suma", &["'suma'", "'sumo'"]),
    ("--estimater upper", &["'--estimater'", "'--estimator'"]),
    ("--latent-dim -3", &["--latent-dim", "-3 is not in 1..=65536"]),
    ("--hidden-dim 0", &["--hidden-dim", "0 is not in"]),
    ("--batch-size 1e9", &["--batch-size", "invalid digit"]),
    ("--samples 0", &["--samples"]),
    ("--min-terms -1", &["--min-terms", "-1 is not in"]),
    ("--steps 0", &["--steps", "0 is not in 1.."]),
    ("--steps many", &["--steps", "'many'"]),
    ("--lr 0", &["--lr", "must be above 0"]),
    ("--lr -1e-3", &["--lr", "must be above 0"]),
    ("--lr inf", &["--lr", "not a finite number"]),
    ("--clip nan", &["--clip", "not a finite number"]),
    ("--gap-penalty -0.5", &["--gap-penalty", "0 or more"]),
    ("--seed -1", &["--seed", "a whole number from 0 to 18446744073709551615"]),
    ("--threads 0", &["--threads"]),
    ("--encoder-loss dregs", &["'dregs'", "'dreg'"]),
    ("--encoder-loss sumo2", &["`sumo2` needs the estimator `sumo`", "dreg, upper or likelihood"]),
    ("--batch-size 65536 --samples 65536", &["batch_size 65536 × samples 65536 × hidden 128", "GiB"]),
    ("--hidden-dim 65536 --latent-dim 65536", &["hidden 65536", "latent_dim 65536", "16 GiB"]),
    ("--hidden-dim 65536 --eval-samples 65536", &["--eval-samples 65536", "GiB"]),
    ("--lr 1e-300", &["the learning rate is 0.000", "in f32", "from 1.17"]),
    ("--clip 1e-300", &["clip", "in f32", "from 1.17"]),
    ("--clip 1e300", &["clip", "to 3.4"]),
    ("--resume nowhere", &["cannot resume", "nowhere", "cannot be read", "help: "]),
    ("--resume", &["cannot resume", "runs/funnel", "help: "]),
    ("extra", &["'extra'"]),
];

#[test]
fn wrong_options_are_named_and_nothing_is_written() {
    let place = Place::new();
    for (options, parts) in WRONG {
        let (code, out, err) = said(&mut place.bare(options));
        assert_eq!((code, out.as_str()), (2, ""), "{options}: {err}");
        for part in *parts {
            assert!(err.contains(part), "{options}: {part:?} in {err}");
        }
        assert!(place.names(".").is_empty(), "{options}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_found_before_training() {
    let place = Place::new();
    fs::write(place.at("file"), b"mine").expect("written");
    for out in ["file", "file/below", "file/far/below"] {
        let (code, stdout, err) = said(&mut place.tiny(&format!("--steps 1000000000 --out {out}")));
        assert_eq!((code, stdout.as_str()), (2, ""), "{err}");
        assert!(err.contains(&format!("cannot write to the folder {out}")) && err.contains("--out"), "{err}");
    }
    assert_eq!(place.names("."), ["file"]);
    assert_eq!(read(place.at("file")), b"mine");
}

#[test]
fn a_checkpoint_cut_short_is_refused_and_left_alone() {
    let place = Place::new();
    done(&mut place.tiny("--steps 2 --out x --quiet"));
    let whole = read(place.at("x/model.safetensors"));
    let before = place.names("x");
    for length in [0, 4, 8, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(place.at("x/model.safetensors"), &whole[..length]).expect("written");
        let (code, out, err) = said(&mut place.bare("--resume x"));
        assert_eq!((code, out.as_str()), (2, ""), "{length}: {err}");
        assert!(
            err.contains("x/model.safetensors: the file is cut short") && err.contains("help: "),
            "{length}: {err}"
        );
        assert_eq!(read(place.at("x/model.safetensors")), &whole[..length]);
    }
    assert_eq!(place.names("x"), before);
    for foreign in [&b"hi"[..], b"hello\n", b"step,loss\n"] {
        fs::write(place.at("x/model.safetensors"), foreign).expect("written");
        let (code, _, err) = said(&mut place.bare("--resume x"));
        assert!(code == 2 && err.contains("not a safetensors file") && !err.contains("cut short"), "{err}");
    }
}

#[test]
fn an_own_file_that_is_a_folder_is_found_before_training() {
    let place = Place::new();
    for name in ["report.html", "kl.png", "metrics.csv", "model.safetensors", "density-000010.png"] {
        let out = format!("out-{name}");
        fs::create_dir_all(place.at(&out).join(name)).expect("a folder");
        let (code, stdout, err) = said(&mut place.tiny(&format!("--steps 1000000000 --out {out}")));
        assert_eq!((code, stdout.as_str()), (2, ""), "{err}");
        assert!(err.contains(&format!("cannot write {out}/{name}: it is a folder")) && err.contains("help: "), "{err}");
        assert_eq!(place.names(&out), [name]);
    }
}

#[test]
fn numbers_of_a_file_that_no_run_has_are_refused() {
    let place = Place::new();
    done(&mut place.tiny("--steps 2 --out x --quiet"));
    let whole = read(place.at("x/model.safetensors"));
    let refused = |bytes: &[u8], part: &str| {
        fs::write(place.at("x/model.safetensors"), bytes).expect("written");
        let (code, _, err) = said(&mut place.bare("--resume x"));
        assert!(code == 2 && err.contains(part) && err.contains("help: "), "{part:?} in {err}");
    };
    let replaced = |from: &str, to: &str| altered(&whole, |text| text.replace(from, to));
    // So many weights are not made to be compared with the file's.
    refused(&replaced("\"hidden_dim\":8", "\"hidden_dim\":60000"), "weights and this model");
    refused(&replaced("\"check_every\":1", "\"check_every\":0"), "--check-every is 0");
    refused(&replaced("\"batch_size\":4", "\"batch_size\":70000"), "--batch-size is 70000");
    // Without a checksum, as an earlier version wrote it.
    let earlier = altered(&whole, |text| text.replace("\"checksum\"", "\"none\""));
    let with = |name: &str, bytes: Vec<u8>| {
        let file = SafeTensors::deserialize(&earlier).expect("a file");
        let (_, metadata) = SafeTensors::read_metadata(&earlier).expect("metadata");
        let tensors = file.tensors();
        let changed = tensors.iter().map(|(n, t)| {
            let data = if n == name { bytes.as_slice() } else { t.data() };
            (n.clone(), safetensors::tensor::TensorView::new(t.dtype(), t.shape().to_vec(), data).expect("a view"))
        });
        safetensors::serialize(changed, metadata.metadata().clone()).expect("bytes")
    };
    refused(&with("run.step", 0u32.to_le_bytes().to_vec()), "`run.checks` is of step 2, and the run is at 0");
    refused(&with("run.loss", f64::NAN.to_le_bytes().to_vec()), "`run.loss` is NaN");
    let nan: Vec<u8> = [f32::NAN; 8].iter().flat_map(|x| x.to_le_bytes()).collect();
    refused(&with("model.decoder.hidden.0.b", nan), "not finite");
}

#[test]
fn an_unfinished_run_is_not_replaced() {
    let place = Place::new();
    done(&mut place.tiny("--steps 4 --out x --quiet"));
    // A finished one is.
    done(&mut place.tiny("--steps 2 --out x --quiet"));
    let whole = read(place.at("x/model.safetensors"));
    let unfinished = altered(&whole, |text| text.replace("\"steps\":2", "\"steps\":9"));
    fs::write(place.at("x/model.safetensors"), &unfinished).expect("written");
    let report = read(place.at("x/report.html"));
    let (code, _, err) = said(&mut place.tiny("--steps 2 --out x"));
    assert_eq!(code, 2, "{err}");
    for part in ["unfinished run, at step 2 of 9", "latents funnel --resume x", "--out", "--force"] {
        assert!(err.contains(part), "{part} in {err}");
    }
    assert!(read(place.at("x/model.safetensors")) == unfinished && read(place.at("x/report.html")) == report);
    done(&mut place.tiny("--steps 2 --out x --quiet --force"));
    assert!(read(place.at("x/model.safetensors")) == whole);
    fs::write(place.at("x/model.safetensors"), b"of another program").expect("written");
    let (code, _, err) = said(&mut place.tiny("--steps 2 --out x"));
    assert!(code == 2 && err.contains("no checkpoint of latents"), "{err}");
}

#[test]
fn threads_beyond_the_cores_and_words_for_them_are_told() {
    let place = Place::new();
    let (_, err) = done(&mut place.tiny("--steps 2 --quiet --threads 1024 --out a"));
    assert!(err.contains("--threads 1024 is more than this machine's cores"), "{err}");
    let (_, err) = done(place.tiny("--steps 2 --quiet --out b").env("PULLBACK_THREADS", "abc"));
    assert!(err.contains("PULLBACK_THREADS=abc is no number of threads"), "{err}");
    assert!(read(place.at("a/model.safetensors")) == read(place.at("b/model.safetensors")));
}

/// The file with its metadata changed by `f`.
fn altered(bytes: &[u8], f: impl Fn(&str) -> String) -> Vec<u8> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).expect("metadata");
    let text = &metadata.metadata().as_ref().expect("an entry")["latents"];
    let changed = f(text);
    assert_ne!(&changed, text);
    let file = SafeTensors::deserialize(bytes).expect("a file");
    safetensors::serialize(file.tensors(), Some(HashMap::from([("latents".to_owned(), changed)]))).expect("bytes")
}

/// What a run has drawn and reported stays until a later one has saved something in its place.
#[cfg(unix)]
#[test]
fn a_run_that_cannot_be_replaced_is_left_whole() {
    let place = Place::new();
    done(&mut place.tiny("--steps 2 --out x --quiet"));
    let before: Vec<(String, Vec<u8>)> =
        place.names("x").into_iter().map(|name| (name.clone(), read(place.at("x").join(name)))).collect();
    // The system refuses whatever makes a file longer than so many blocks of 512 bytes.
    let script = format!("trap '' XFSZ; ulimit -f 2; exec $LATENTS funnel {TINY} --steps 2 --out x --force --quiet");
    let mut command = std::process::Command::new("sh");
    command.current_dir(place.0.path()).args(["-c", &script]).env("LATENTS", env!("CARGO_BIN_EXE_latents"));
    let output = command.output().expect("sh runs");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(place.names("x"), before.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
    assert!(before.iter().all(|(name, bytes)| read(place.at("x").join(name)) == *bytes));
}

#[test]
fn a_checkpoint_of_another_model_is_refused() {
    let place = Place::new();
    done(&mut place.tiny("--steps 2 --out x --quiet"));
    let whole = read(place.at("x/model.safetensors"));
    let refused = |bytes: &[u8], parts: &[&str]| {
        fs::write(place.at("other.safetensors"), bytes).expect("written");
        let (code, out, err) = said(&mut place.bare("--resume other.safetensors --out y"));
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        for part in parts.iter().chain(&["other.safetensors", "help: "]) {
            assert!(err.contains(part), "{part:?} in {err}");
        }
        assert!(!place.at("y").exists());
    };
    let replaced = |from: &str, to: &str| altered(&whole, |text| text.replace(from, to));
    refused(b"step,loss\n0,1.0\n", &["not a safetensors file"]);
    refused(&replaced("latents funnel", "latents vae"), &["model of kind `latents vae`"]);
    refused(&replaced("\"version\":1", "\"version\":9"), &["format 9", "update latents"]);
    refused(&replaced("\"latent_dim\":2", "\"latent_dim\":3"), &["another model", "f32 [8, 2]", "f32 [8, 3]"]);
    refused(&replaced("\"target\":\"funnel\"", "\"target\":\"neal\""), &["another model"]);
    refused(&replaced("\"hidden_dim\":8", "\"hidden_dim\":16"), &["another model", "f32 [2, 8]", "f32 [2, 16]"]);
    refused(&replaced("\"decay\"", "\"decoy\""), &["configuration", "decoy"]);
    let file = SafeTensors::deserialize(&whole).expect("a file");
    let plain = safetensors::serialize(file.tensors(), None).expect("bytes");
    refused(&plain, &["not a checkpoint of latents"]);
}

#[test]
fn settings_that_contradict_the_checkpoint_are_refused() {
    let place = Place::new();
    done(&mut place.tiny("--steps 2 --out x --quiet"));
    for (options, parts) in [
        ("--latent-dim 9", ["--latent-dim 9", "begun with 2"]),
        ("--steps 1", ["--steps 1", "begun with 2"]),
        ("--estimator sumo", ["--estimator sumo", "begun with upper"]),
        ("--decay constant", ["--decay constant", "begun with cosine"]),
    ] {
        let (code, _, err) = said(&mut place.bare(&format!("--resume x {options}")));
        assert_eq!(code, 2, "{err}");
        assert!(parts.iter().all(|part| err.contains(part)), "{err}");
    }
}
