//! What is refused: with what is wrong, what to do, and the right exit code.

use crate::{Place, TINY, read, refused};

/// The settings are tiny so that a mistake here ends soon.
fn fit(place: &Place, arguments: &str, code: i32) -> String {
    // The mistake comes last, so that no later setting takes its place.
    let (data, mistake) = arguments.split_once(' ').unwrap_or((arguments, ""));
    let err = refused(&mut place.latents(&format!("fit {data} -o run {TINY} {mistake}")), code);
    assert!(!place.at("run").join("model.safetensors").exists(), "a refused fit has left a model");
    err
}

#[test]
fn unknown_settings_name_the_nearest() {
    let place = Place::new();
    assert!(fit(&place, "rows.csv training.epoch=3", 2).contains("did you mean `epochs`"));
    assert!(fit(&place, "rows.csv likelihood=gausian", 2).contains("did you mean `gaussian`"));
    assert!(fit(&place, "rows.csv epochs=many", 2).contains("training.epochs"));
    assert!(fit(&place, "rows.csv training.batch=0", 2).contains("training.batch is 0"));
    assert!(fit(&place, "rows.csv objective.bound=iwea:5", 2).contains("did you mean `iwae:K`"));
    assert!(fit(&place, "rows.csv bound=iwae:5 objective.gradient=stl", 2).contains("biased"));
    assert!(fit(&place, "rows.csv epochs", 2).contains("key=value"));
    place.write("f.toml", "[modle]\nlatent = [2]\n");
    let err = fit(&place, "rows.csv --config f.toml", 2);
    assert!(err.contains("did you mean `model`") && err.contains("f.toml"), "{err}");
    place.write("f.toml", "latent = [2\n");
    assert!(fit(&place, "rows.csv --config f.toml", 2).contains("line"));
    assert!(fit(&place, "rows.csv --config none.toml", 2).contains("none.toml"));
}

#[test]
fn bad_data_is_refused_with_its_place() {
    let place = Place::new();
    assert!(fit(&place, "none.csv", 2).contains("none.csv"));
    place.write("bad.csv", "a,b\n1,2\n3,x\n");
    let err = fit(&place, "bad.csv", 2);
    assert!(err.contains("row 2") && err.contains("`b`") && err.contains("--without"), "{err}");
    place.write("bad.csv", "a,5\n1,2\n3,4\n");
    assert!(fit(&place, "bad.csv", 2).contains("`--header yes`"));
    place.write("bad.csv", "a,b\n1,2\n3\n");
    assert!(fit(&place, "bad.csv", 2).contains("line 3): 1 field where"));
    place.write("bad.csv", "");
    assert!(fit(&place, "bad.csv", 2).contains("empty"));
    place.write("bad.csv", "a,b\n1,2\n");
    assert!(fit(&place, "bad.csv", 2).contains("rows"));
    let constant: String = std::iter::once("a,b\n".to_owned()).chain((0..50).map(|i| format!("{i},7\n"))).collect();
    place.write("bad.csv", &constant);
    assert!(fit(&place, "bad.csv", 2).contains("`b`"));
    place.write("bad.csv", "a,b\n1,2\n3,\n");
    assert!(fit(&place, "bad.csv", 2).contains("--missing drop"));
    place.write("bad.csv", "a,b\n1,2\n3,inf\n");
    assert!(fit(&place, "bad.csv", 2).contains("row 2"));
    assert!(fit(&place, "rows.csv --without height,weight", 2).contains("no column"));
    assert!(fit(&place, "rows.csv --columns hight", 2).contains("did you mean `height`"));
    assert!(fit(&place, "rows.csv data.validation=0.6 data.test=0.5", 2).contains("validation"));
    std::fs::write(place.at("bad.csv.gz"), [0x1f, 0x8b, 8, 0, 1, 2]).expect("written");
    assert!(fit(&place, "bad.csv.gz", 2).contains("gzip"));
    place.write("bad.npy", "\u{93}NUMPY, or not");
    assert!(!fit(&place, "bad.npy", 2).is_empty());
}

#[test]
fn what_cannot_be_drawn_or_split_is_the_request_s_fault() {
    let place = Place::new();
    place.fit("run");
    let err = refused(&mut place.latents("plot run --what pictures"), 2);
    assert!(err.contains("square of pixels") && err.contains("--what"), "{err}");
    let err = refused(&mut place.latents(&format!("cv rows.csv --folds 121 {TINY}")), 2);
    assert!(err.contains("120 rows are too few for 121 folds"), "{err}");
}

#[test]
fn values_that_the_model_cannot_have_are_refused_before_training() {
    let place = Place::new();
    assert!(fit(&place, "rows.csv --likelihood poisson", 2).contains("needs whole numbers"));
    assert!(fit(&place, "rows.csv --likelihood bernoulli", 2).contains("row 1, column"));
    // One row of 200 lies outside, whichever part it falls into; it is named by its number in the file.
    let rows = (0..200).map(|i| if i == 149 { "1.5,0.5\n".to_owned() } else { format!("0.{:03},0.5{i:03}\n", i + 1) });
    place.write("unit.csv", &std::iter::once("a,b\n".to_owned()).chain(rows).collect::<String>());
    for seed in 0..4 {
        let logit = "data.preprocess=[{logit={low=0,high=1,alpha=0.01}}]";
        let err = fit(&place, &format!("unit.csv seed={seed} {logit}"), 2);
        assert!(err.contains("row 150, column `a`") || err.contains("row 150, column a"), "{err}");
    }
}

#[test]
fn negative_numbers_are_refused_by_what_is_allowed() {
    let place = Place::new();
    for (command, part) in [
        ("fit rows.csv -o run --seed -1", "a whole number from 0 to 18446744073709551615"),
        ("fit rows.csv -o run --save-every -5", "a whole number from 0 to 4294967295"),
        ("sample run --seed -1", "a whole number from 0"),
        ("sample run -n -4", "-4 is not in 1..=100000000"),
        ("score run rows.csv --seed 1.5", "a whole number from 0"),
    ] {
        let (code, _, err) = crate::said(&mut place.latents(command));
        assert!(code == 2 && err.contains(part), "{command}: {err}");
    }
    assert!(fit(&place, "rows.csv bound=iwae:0", 2).contains("objective.bound is iwae:0"));
    assert!(
        fit(&place, "rows.csv model.likelihood.scale=0.1", 2).contains("`model.likelihood` has options and no name")
    );
}

#[test]
fn a_refusal_is_an_object_too() {
    let place = Place::new();
    for (command, code, part) in [
        ("fit none.csv -o run --json", 2, "none.csv"),
        ("fit rows.csv -o run --json epochs=many", 2, "training.epochs"),
        ("sample nowhere --json", 2, "nowhere"),
        ("funnel --json --steps many", 2, "'many'"),
        ("eval run rows.csv --json --estimator iwea", 2, "iwea"),
    ] {
        let (found, out, err) = crate::said(&mut place.latents(command));
        let object: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{command}: {e}: {out}"));
        assert_eq!((found, object["exit_code"].as_i64()), (code, Some(i64::from(code))), "{out}");
        let error = object["error"].as_str().expect("a text");
        assert!(error.contains(part) && !error.starts_with("error") && err.contains(part), "{out}\n{err}");
    }
    let (_, out, _) = crate::said(&mut place.latents("fit none.csv -o run --json"));
    assert!(out.contains("check its path"), "{out}");
    let (out, _) = crate::done(&mut place.latents("fit --json --help"));
    assert!(!out.starts_with('{'), "{out}");
}

#[test]
fn names_with_commas_are_quoted_and_decimal_commas_and_open_quotes_are_told() {
    let place = Place::new();
    let line = |i: usize| format!("{},{},{}\n", i % 7, i % 5, if i == 9 { "x" } else { "0" });
    place.write("comma.csv", &("a,b,\"1,2\"\n".to_owned() + &(0..60).map(line).collect::<String>()));
    let err = fit(&place, "comma.csv", 2);
    assert!(err.contains(r#"--without '"1,2"'"#), "{err}");
    let (_, err) = crate::done(&mut place.latents(&format!(r#"fit comma.csv --without "1,2" -o fine {TINY}"#)));
    assert!(err.contains("2 columns: a, b"), "{err}");
    place.write("bad.csv", "a,b\n1,2\n\"2\n3,4\n");
    assert!(fit(&place, "bad.csv", 2).contains("line 3): the quote that opens in this line is not closed"));
    place.write("bad.csv", "a,b\n\"1\",\"2\"\n\"3\"\"\",\"\n4\n");
    assert!(fit(&place, "bad.csv", 2).contains("line 3): the quote"));
    for decimal in ["1,5;2,5\n3,5;4,5\n", "a;b\n1,5;2,5\n"] {
        place.write("bad.csv", decimal);
        assert!(fit(&place, "bad.csv", 2).contains("if the comma is a decimal sign"), "{decimal}");
    }
}

#[test]
fn a_density_of_bits_is_refused() {
    let place = Place::new();
    for how in ["stochastic", "threshold", "fixed"] {
        let err = fit(&place, &format!("rows.csv binarise={how}"), 2);
        assert!(err.contains("`height`") && err.contains("likelihood=bernoulli"), "{err}");
    }
    // Also where one column of several has such a likelihood.
    let mixed = r#"model.likelihood={name="mixed",columns={height={name="bernoulli"},weight={name="student-t"}}}"#;
    let err = fit(&place, &format!("rows.csv binarise=fixed {mixed}"), 2);
    assert!(err.contains("`weight`") && err.contains("student-t"), "{err}");
    crate::done(&mut place.latents(&format!("fit rows.csv -o run {TINY} binarise=fixed likelihood=bernoulli")));
}

/// Rows that lack a value were dropped before: the others keep their numbers.
#[test]
fn a_fault_after_dropped_rows_names_the_row_of_the_file() {
    let place = Place::new();
    let with = |row: usize, value: &str| {
        let line = |i: usize| match i {
            3 | 7 => "1,NA\n".to_owned(),
            i if i == row => format!("{value},1\n"),
            i => format!("{},{}\n", i % 5, i % 3),
        };
        std::iter::once("a,b\n".to_owned()).chain((1..=60).map(line)).collect::<String>()
    };
    place.write("gaps.csv", &with(50, "0.5"));
    for command in ["fit gaps.csv -o none", "cv gaps.csv --folds 3"] {
        let err = refused(&mut place.latents(&format!("{command} --missing drop {TINY} likelihood=poisson")), 2);
        assert!(err.contains("row 50, column `a`"), "{err}");
    }
    // Too large for 32 bits, in whichever part it is, without a step that brings it nearer.
    place.write("gaps.csv", &with(50, "1e300"));
    let far = "--missing drop data.preprocess=[]";
    for seed in 0..3 {
        let err = crate::said(&mut place.latents(&format!("fit gaps.csv -o none {TINY} {far} seed={seed}"))).2;
        assert!(err.contains("gaps.csv: row 50, column `a`"), "{seed}: {err}");
    }
    place.write("gaps.csv", &with(0, ""));
    let (_, err) = crate::done(&mut place.latents(&format!("fit gaps.csv -o run --missing drop {TINY}")));
    assert!(err.contains("58 rows (2 more dropped for want of a value), 2 columns"), "{err}");
    for command in ["encode", "reconstruct"] {
        let (out, _) = crate::done(&mut place.latents(&format!("{command} run gaps.csv")));
        let numbers: Vec<&str> = out.lines().map(|line| line.split(',').next().expect("a cell")).collect();
        assert_eq!((numbers.len(), &numbers[..4], numbers[58]), (59, &["row", "1", "2", "4"][..], "60"), "{out}");
        crate::done(&mut place.latents(&format!("{command} run gaps.csv -o {command}.npy")));
        let written = latents::data::read(&place.at(&format!("{command}.npy")), &Default::default()).expect("read");
        assert_eq!(written.row(57)[0], 60.0);
    }
    place.write("gaps.csv", &with(50, "1e300"));
    for command in ["encode", "reconstruct"] {
        let err = crate::said(&mut place.latents(&format!("{command} run gaps.csv"))).2;
        assert!(err.contains("gaps.csv: row 50, column `a`"), "{err}");
    }
}

#[test]
fn sizes_beyond_every_use_are_refused() {
    let place = Place::new();
    for size in [
        "bound=iwae:9000000000000000000",
        "bound=iwae:999999 training.batch=1000000",
        "evaluation.validation_samples=9000000000000000000",
        "model.latent=9000000000000000000",
        "hidden=100000000",
    ] {
        let err = fit(&place, &format!("rows.csv {size}"), 2);
        assert!(!err.contains("panicked"), "{size}: {err}");
    }
}

#[test]
fn a_run_is_not_replaced_unasked() {
    let place = Place::new();
    place.fit("run");
    let before = read(place.at("run/model.safetensors"));
    let err = refused(&mut place.latents(&format!("fit rows.csv -o run {TINY}")), 2);
    assert!(err.contains("--force") && err.contains("latents resume run"), "{err}");
    assert_eq!(read(place.at("run/model.safetensors")), before);
    crate::done(&mut place.latents(&format!("fit rows.csv -o run --force {TINY} --seed 1")));
    assert_ne!(read(place.at("run/model.safetensors")), before);
}

/// The report of the run that is replaced stays until something is there in its place.
#[test]
fn a_run_that_cannot_be_replaced_is_left_whole() {
    let place = Place::new();
    place.fit("run");
    std::fs::remove_file(place.at("run/model.safetensors")).expect("removed");
    // No file can take the place of a folder.
    std::fs::create_dir_all(place.at("run/model.safetensors/full")).expect("made");
    let report = read(place.at("run/report.html"));
    let err = refused(&mut place.latents(&format!("fit rows.csv -o run --force {TINY}")), 1);
    assert!(err.contains("model.safetensors"), "{err}");
    assert_eq!(read(place.at("run/report.html")), report);
    assert!(place.at("run/density.png").is_file());
}

#[test]
fn files_that_are_no_runs_are_refused() {
    let place = Place::new();
    place.fit("run");
    assert!(refused(&mut place.latents("sample none"), 2).contains("none"));
    let bytes = read(place.at("run/model.safetensors"));
    let path = place.at("cut.safetensors");
    for cut in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..cut]).expect("written");
        let err = refused(&mut place.latents("sample cut.safetensors"), 2);
        assert!(err.contains("cut short"), "{cut}: {err}");
    }
    let mut damaged = bytes.clone();
    let at = bytes.len() - 100;
    damaged[at] ^= 4;
    std::fs::write(&path, &damaged).expect("written");
    let err = refused(&mut place.latents("sample cut.safetensors"), 2);
    assert!(err.contains("is damaged: the checksum") && err.contains("fetch the file again"), "{err}");
    // A file that says it is of a later version.
    let version = b"\\\"version\\\":";
    let at = bytes.windows(version.len()).position(|w| w == version).expect("a version") + version.len();
    let mut later = bytes.clone();
    assert_eq!(later[at], b'1');
    later[at] = b'9';
    std::fs::write(&path, &later).expect("written");
    assert!(refused(&mut place.latents("sample cut.safetensors"), 2).contains("update latents"));
    place.write("text.safetensors", "not a model at all, but longer than eight bytes");
    assert!(refused(&mut place.latents("show text.safetensors"), 2).contains("not a safetensors file"));
}

/// A model that makes no numbers is a fit that failed; nothing else can be passed.
#[test]
fn what_a_model_makes_is_told_apart_from_what_it_is_given() {
    use safetensors::{SafeTensors, tensor::TensorView};
    let place = Place::new();
    place.fit("run");
    let bytes = read(place.at("run/model.safetensors"));
    let (_, metadata) = SafeTensors::read_metadata(&bytes).expect("metadata");
    // Without a checksum, as an earlier version wrote it.
    let entry = metadata.metadata().as_ref().expect("an entry")["latents"].replace("\"checksum\"", "\"none\"");
    let file = SafeTensors::deserialize(&bytes).expect("a file");
    let astray: Vec<(String, TensorView<'_>, Vec<u8>)> = file
        .tensors()
        .into_iter()
        .map(|(name, t)| {
            let huge = f32::MAX.to_le_bytes().repeat(t.data().len() / 4);
            let data = if t.dtype() == safetensors::Dtype::F32 { huge } else { t.data().to_vec() };
            (name, t, data)
        })
        .collect();
    let views = astray
        .iter()
        .map(|(name, t, data)| (name, TensorView::new(t.dtype(), t.shape().to_vec(), data).expect("a tensor")));
    let changed = safetensors::serialize(views, Some([("latents".to_owned(), entry)].into())).expect("bytes");
    std::fs::write(place.at("astray.safetensors"), changed).expect("written");
    for command in ["sample astray.safetensors -n 5", "reconstruct astray.safetensors rows.csv"] {
        let err = refused(&mut place.latents(command), 1);
        assert!(err.contains("the model makes what no data can be") && err.contains("fit again"), "{err}");
    }
}

#[test]
fn other_columns_and_other_data_are_refused() {
    let place = Place::new();
    place.fit("run");
    place.write("other.csv", "height,length\n170,3\n");
    let err = refused(&mut place.latents("encode run other.csv"), 2);
    assert!(err.contains("weight"), "{err}");
    place.write("other.csv", &crate::rows(121));
    let err = refused(&mut place.latents("resume run --data other.csv"), 2);
    assert!(err.contains("121 rows") && err.contains("120 rows"), "{err}");
    std::fs::rename(place.at("rows.csv"), place.at("moved.csv")).expect("moved");
    for command in ["resume run", "plot run --what samples"] {
        let err = refused(&mut place.latents(command), 2);
        assert!(err.contains("the data of run are no longer at ") && err.contains("--data"), "{err}");
    }
    crate::done(&mut place.latents("resume run --data moved.csv"));
    crate::done(&mut place.latents("resume run moved.csv"));
    crate::done(&mut place.latents("plot run moved.csv --what samples"));
    assert!(refused(&mut place.latents("resume run other.csv"), 2).contains("121 rows"));
    let (code, _, err) = crate::said(&mut place.latents("resume run moved.csv --data moved.csv"));
    assert!(code == 2 && err.contains("cannot be used with"), "{err}");
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_before_training() {
    let place = Place::new();
    place.write("file", "x");
    let err = refused(&mut place.latents(&format!("fit rows.csv -o file/run {TINY}")), 2);
    assert!(err.contains("file/run"), "{err}");
    assert!(!err.contains("epoch 1"), "{err}");
    // Nor is anything else done in vain, or by halves.
    place.fit("run");
    for command in ["sample run -n 5", "encode run rows.csv", "reconstruct run rows.csv", "score run rows.csv"] {
        for out in ["file/new.csv", "new.txt"] {
            assert!(refused(&mut place.latents(&format!("{command} -o {out}")), 2).contains(out));
        }
    }
    assert!(refused(&mut place.latents("plot run --out file"), 2).contains("cannot write to the folder file"));
    refused(&mut place.latents("plot run --what samples,pictures --out figures"), 2);
    assert!(!place.at("figures").exists() && !place.at("new.txt").exists());
}

#[test]
fn a_number_that_is_none_ends_the_run_and_the_last_good_state_is_kept() {
    let place = Place::new();
    // A rate at which the weights overflow within a few steps.
    let (code, out, err) = crate::said(&mut place.latents(&format!(
        "fit rows.csv -o run {TINY} rate=1e38 training.schedule=constant training.clip=0 epochs=50"
    )));
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    // The tensor, the step, the batch, and rows to look at.
    let tensors = ["`x`", "`encoder.", "`decoder.", "`log_evidence`"];
    assert!(tensors.iter().any(|tensor| err.contains(tensor)), "{err}");
    assert!(
        err.contains("is no finite number at step 2 (epoch 1, batch 2, 16 rows, the first is training row "),
        "{err}"
    );
    assert!(err.contains("last good state"), "{err}");
    assert!(crate::done(&mut place.latents("show run")).0.contains("the model is that of step 0"));
    let (drawn, _) = crate::done(&mut place.latents("sample run -n 3"));
    assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
    assert!(refused(&mut place.latents("resume run"), 2).contains("ended"));
}
