//! Wrong use: a clear message, exit code 2, and nothing written.

use crate::{Place, done, read, said};
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
    ("--seed -1", &["--seed"]),
    ("--threads 0", &["--threads"]),
    ("--encoder-loss dregs", &["'dregs'", "'dreg'"]),
    ("--encoder-loss sumo2", &["`sumo2` needs the estimator `sumo`", "dreg, upper or likelihood"]),
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
        ("--steps 5", ["--steps 5", "begun with 2"]),
        ("--estimator sumo", ["--estimator sumo", "begun with upper"]),
        ("--decay constant", ["--decay constant", "begun with cosine"]),
    ] {
        let (code, _, err) = said(&mut place.bare(&format!("--resume x {options}")));
        assert_eq!(code, 2, "{err}");
        assert!(parts.iter().all(|part| err.contains(part)), "{err}");
    }
}
