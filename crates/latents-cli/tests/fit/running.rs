//! What the commands print and leave behind.

use crate::{Place, TINY, done, read};
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text.trim()).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn a_fit_says_what_it_saw_and_leaves_a_folder() {
    let place = Place::new();
    let (out, err) = place.fit("run");
    for part in ["120 rows, 2 columns: height, weight", "96 rows to train on, 12 to validate, 12 to test", "epoch 3"] {
        assert!(err.contains(part), "no {part:?} in {err}");
    }
    for part in
        ["this model, iwae:20 (lower bound)", "nats per row", "bits per dimension", "(exact)", "ended after 18 steps"]
    {
        assert!(out.contains(part), "no {part:?} in {out}");
    }
    let bits = out.lines().find(|line| line.contains("this model")).expect("a figure");
    assert_eq!(bits.matches(" ± ").count(), 2, "bits have an error too: {bits}");
    for name in ["model.safetensors", "metrics.csv", "report.html", "curves.png", "density.png", "samples.png"] {
        assert!(!read(place.at("run").join(name)).is_empty());
    }
    let metrics = String::from_utf8(read(place.at("run/metrics.csv"))).expect("text");
    assert_eq!(metrics.lines().count(), 5, "{metrics}");
    let names: Vec<_> = std::fs::read_dir(place.at("run")).expect("folder").flatten().map(|e| e.file_name()).collect();
    assert_eq!(names.len(), 6, "nothing temporary is left: {names:?}");
}

#[test]
fn json_has_the_figures_and_nothing_else_is_on_standard_output() {
    let place = Place::new();
    let (out, err) = done(&mut place.latents(&format!("fit rows.csv -o run {TINY} --json --quiet")));
    assert!(err.is_empty(), "{err}");
    let found = json(&out);
    assert_eq!((found["rows"].as_u64(), found["test_rows"].as_u64()), (Some(120), Some(12)));
    assert_eq!((found["unit"].as_str(), found["kind"].as_str()), (Some("nats per row"), Some("lower")));
    assert_eq!(found["estimator"].as_str(), Some("iwae:20"));
    for key in ["test_log_density", "standard_error", "bits_per_dimension", "samples", "seconds"] {
        assert!(found[key].as_f64().is_some_and(f64::is_finite), "{key}: {found}");
    }
    assert_eq!(found["baselines"].as_array().map(Vec::len), Some(2));
    let shown = json(&done(&mut place.latents("show run --json")).0);
    assert_eq!(shown["figures"]["model"]["log_density"], found["test_log_density"]);
}

#[test]
fn a_fitted_model_is_shown_sampled_encoded_reconstructed_and_drawn() {
    let place = Place::new();
    place.fit("run");
    let (shown, _) = done(&mut place.latents("show run"));
    for part in ["120 rows", "height, weight", "[model]", "latent = [2]", "all 3 epochs are done"] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    let (drawn, err) = done(&mut place.latents("sample run -n 5 --seed 3"));
    assert!(err.is_empty() && drawn.starts_with("height,weight\n") && drawn.lines().count() == 6, "{drawn}{err}");
    assert_eq!(done(&mut place.latents("sample run -n 5 --seed 3")).0, drawn);
    assert_ne!(done(&mut place.latents("sample run -n 5 --seed 4")).0, drawn);
    done(&mut place.latents("sample run -n 7 -o drawn.npy"));
    assert!(read(place.at("drawn.npy")).starts_with(b"\x93NUMPY"));

    let (encoded, _) = done(&mut place.latents("encode run rows.csv"));
    assert!(encoded.starts_with("mean1,mean2,variance1,variance2\n") && encoded.lines().count() == 121);
    // The samples, read again by name, are rows like any other.
    done(&mut place.latents("sample run -n 5 -o drawn.csv"));
    let (made, _) = done(&mut place.latents("reconstruct run drawn.csv"));
    assert!(made.starts_with("height,weight\n") && made.lines().count() == 6);
    for (command, columns) in [("sample run -n 5", 2), ("encode run drawn.csv", 4), ("reconstruct run drawn.csv", 2)] {
        let told = json(&done(&mut place.latents(&format!("{command} --json"))).0);
        let lengths = (told["columns"].as_array().map(Vec::len), told["rows"].as_array().map(Vec::len));
        assert_eq!(lengths, (Some(columns), Some(5)), "{command}");
    }

    let (drawn, _) = done(&mut place.latents("plot run --what curves,density,samples,latent,pairs -o pictures"));
    for name in drawn.lines() {
        assert!(read(place.at(name)).starts_with(b"\x89PNG"), "{name}");
    }
    assert_eq!(drawn.lines().count(), 5);
}

#[test]
fn folds_test_every_row_once() {
    let place = Place::new();
    let (out, err) = done(&mut place.latents(&format!("cv rows.csv --folds 3 {TINY} --json")));
    let found = json(&out);
    assert_eq!(found["rows"].as_u64(), Some(120));
    assert_eq!(found["folds"].as_array().map(Vec::len), Some(3));
    assert!(err.contains("fold 3 of 3"), "{err}");
}

#[test]
fn fixed_pixels_belong_to_the_rows_of_the_file_in_every_fold() {
    use latents::data::{Binarise, Binariser, Column, Table};
    let place = Place::new();
    let columns: Vec<Column> = ["a", "b", "c"].into_iter().map(Column::number).collect();
    let shades = Table::new(columns, (0..180).map(|i| f64::from(i * 37 % 16)).collect()).expect("a table");
    let fixed = Binariser::fit(&shades, Binarise::Fixed { seed: 7 }).expect("shades");
    let bits = fixed.apply(&shades, 0, pullback::Key::new(0)).expect("bits");
    for (name, table) in [("shades.csv", &shades), ("bits.csv", &bits)] {
        let line = |i: usize| (0..3).map(|j| table.text(i, j)).collect::<Vec<_>>().join(",") + "\n";
        place.write(name, &format!("a,b,c\n{}", (0..60).map(line).collect::<String>()));
    }
    // Pixels that are drawn on the way are those of a file in which they were drawn before.
    let figures = |options: &str| {
        let cv = format!("cv {options} --folds 3 {TINY} likelihood=bernoulli --json --quiet");
        let found = json(&done(&mut place.latents(&cv)).0);
        (found["test_log_density"].clone(), found["folds"].clone())
    };
    assert_eq!(figures("shades.csv data.binarise={fixed={seed=7}}"), figures("bits.csv"));
}

#[test]
fn baselines_are_of_the_kind_of_the_data_or_it_is_said_why_there_is_none() {
    let place = Place::new();
    let line = |i: u32| format!("{},{},{},{}\n", i * i % 7, i * 5 % 11, ["red", "blue"][i as usize % 2], i % 4);
    place.write("mixed.csv", &format!("n,x,colour,twice\n{}", (0..80).map(line).collect::<String>()));
    let fit = |options: &str| done(&mut place.latents(&format!("fit mixed.csv -o run --force {TINY} {options}"))).0;
    let counts = fit("--columns n,x --likelihood poisson");
    assert!(counts.contains("independent columns (exact)"), "{counts}");
    let mixed = fit("--columns n,x,colour --categorical colour likelihood=mixed model.likelihood.columns.n=poisson");
    assert!(mixed.contains("independent columns (exact)"), "{mixed}");
    let dequantised = fit("--columns n,x data.preprocess=[{dequantise={bin=1}},\"standardise\"]");
    assert!(dequantised.contains("gaussian (exact)") && dequantised.contains("kde (exact)"), "{dequantised}");
    // A column that follows from another has no covariance of full rank.
    place.write("twice.csv", &format!("a,b\n{}", (0..80).map(|i| format!("{i},{}\n", 2 * i)).collect::<String>()));
    let (twice, _) = done(&mut place.latents(&format!("fit twice.csv -o run --force {TINY}")));
    assert!(twice.contains("no figure of gaussian: column 2"), "{twice}");
    assert!(done(&mut place.latents("show run")).0.contains("no figure of gaussian"));
}

#[test]
fn a_configuration_file_is_overridden_by_options_and_those_by_settings() {
    let place = Place::new();
    place.write("f.toml", "seed = 5\n[model]\nlatent = [3]\nhidden = [4]\n[training]\nepochs = 2\n");
    let tiny = "evaluation.estimator=iwae:5 evaluation.validation_samples=2";
    done(&mut place.latents(&format!("fit rows.csv --config f.toml --latent 2 hidden=6 -o run {tiny}")));
    let (shown, _) = done(&mut place.latents("show run"));
    for part in ["seed = 5", "latent = [2]", "hidden = [6]", "epochs = 2"] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
}

#[test]
fn completions_name_the_commands() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(done(&mut place.latents(&format!("completions {shell}"))).0.contains("reconstruct"));
    }
}

#[test]
fn standard_input_is_data() {
    let place = Place::new();
    let mut command = place.latents(&format!("fit - -o run {TINY} --quiet"));
    command.write_stdin(crate::rows(60));
    done(&mut command);
    let err = crate::refused(&mut place.latents("resume run"), 2);
    assert!(err.contains("--data"), "{err}");
}

#[test]
fn what_the_fit_left_out_is_left_out_again_and_need_not_be_there() {
    let place = Place::new();
    let labelled: String = crate::rows(60)
        .lines()
        .enumerate()
        .map(|(i, l)| format!("{l},{}\n", if i == 0 { "label" } else { "a" }))
        .collect();
    place.write("labelled.csv", &labelled);
    done(&mut place.latents(&format!("fit labelled.csv --without label -o run {TINY}")));
    for data in ["labelled.csv", "rows.csv"] {
        assert!(done(&mut place.latents(&format!("encode run {data}"))).0.starts_with("mean1,"));
    }
    done(&mut place.latents("plot run --what pairs"));
}

#[test]
fn one_row_is_said_to_be_one_and_has_no_error() {
    let place = Place::new();
    place.write("few.csv", &crate::rows(4));
    let sumo = "evaluation.estimator=sumo:2";
    let (out, err) = done(&mut place.latents(&format!("fit few.csv -o run {TINY} epochs=1 {sumo}")));
    assert!(err.contains("4 rows, 2 columns") && err.contains("2 rows to train on, 1 to validate, 1 to test"), "{err}");
    for part in ["log density of 1 test row ", "± ?", "ended after 1 step: its one epoch is done"] {
        assert!(out.contains(part), "no {part:?} in {out}");
    }
    let (shown, _) = done(&mut place.latents("show run"));
    assert!(shown.contains("± ? nats per row, model (sumo:2, unbiased)"), "{shown}");
    let report = String::from_utf8(read(place.at("run/report.html"))).expect("text");
    assert!(report.contains("1 test row,") && report.contains("estimator sumo:2, unbiased;"), "{report}");
    let (out, _) = done(&mut place.latents(&format!("fit rows.csv -o untested {TINY} data.test=0 --quiet")));
    assert!(out.contains("no figure: data.test leaves no row"), "{out}");
}

#[test]
fn a_picture_is_read_as_points_where_that_is_said() {
    let place = Place::new();
    place.fit("run");
    done(&mut place.latents("plot run --what curves -o pictures"));
    let (_, err) = done(&mut place.latents(&format!("fit pictures/curves.png -o few --as points --points 200 {TINY}")));
    assert!(err.contains("200 rows, 2 columns: x, y"), "{err}");
    let many = format!("fit pictures/curves.png -o many --as points {TINY} epochs=1 batch=5000");
    assert!(done(&mut place.latents(&many)).1.contains("100,000 rows, 2 columns"));
    let (code, _, err) = crate::said(&mut place.latents("fit pictures/curves.png -o none --as point"));
    assert!(code == 2 && err.contains("points"), "{err}");
}
