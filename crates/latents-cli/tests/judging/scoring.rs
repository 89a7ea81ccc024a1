//! `latents score`.

use super::{OUTLIER, ROWS, done, json, number, place, read, refused};

#[test]
fn each_row_has_a_line_and_their_mean_is_that_of_eval() {
    let (out, _) = done(place().latents("score runs/good rows.csv --estimator iwae:100 --quiet"));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((lines.len(), lines[0]), (ROWS + 1, "row,log_density,standard_error,pareto_k"));
    let cells = |line: &str| line.split(',').map(|c| c.parse::<f64>().expect("a number")).collect::<Vec<_>>();
    let all: Vec<Vec<f64>> = lines[1..].iter().map(|l| cells(l)).collect();
    assert!(all.iter().enumerate().all(|(i, c)| c.len() == 4 && c[0] == i as f64 + 1.0));
    let mean = all.iter().map(|c| c[1]).sum::<f64>() / ROWS as f64;
    let found = json("eval runs/good rows.csv --estimator iwae:100");
    assert!((number(&found["estimates"][0]["test_log_density"]) - mean).abs() < 1e-9);
}

#[test]
fn files_hold_the_same_whole_or_not_at_all() {
    let standard = done(place().latents("score runs/good rows.csv --estimator iwae:40 -q")).0;
    done(place().latents("score runs/good rows.csv --estimator iwae:40 -q -o scores.csv"));
    assert_eq!(read(place().at("scores.csv")), standard.as_bytes());
    let (out, err) = done(place().latents("score runs/good rows.csv --estimator iwae:40 -o scores.npy"));
    assert!(out.is_empty() && err.contains("scores.npy"), "{out} {err}");
    let table = latents::data::read(&place().at("scores.npy"), &Default::default()).expect("read");
    assert_eq!((table.rows(), table.width()), (ROWS, 3));
    let second: Vec<f64> =
        standard.lines().nth(2).expect("a line").split(',').map(|c| c.parse().expect("a number")).collect();
    assert_eq!(table.row(1), &second[1..]);
    // Standard input gives what the file gives.
    let mut piped = place().latents("score runs/good - --estimator iwae:40 -q");
    piped.write_stdin(read(place().at("rows.csv")));
    assert_eq!(done(piped).0, standard);
    // A row that cannot be read leaves no file.
    std::fs::write(place().at("broken.csv"), "a,b\n1,2\n3,x\n").expect("written");
    let (code, _, err) = super::said(place().latents("score runs/good broken.csv -o broken-scores.csv"));
    assert!(code != 0 && err.contains("row 2"), "{code} {err}");
    let left: Vec<String> = std::fs::read_dir(place().at(""))
        .expect("a folder")
        .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains("broken-scores"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(refused("score runs/good rows.csv -o scores.xls").contains(".npy"));
}

#[test]
fn the_least_likely_rows_are_found() {
    let found = json("score runs/good rows.csv --top 3");
    let top = found["least_likely"].as_array().expect("a list");
    assert_eq!((top.len(), top[0]["row"].as_u64()), (3, Some(OUTLIER)));
    assert_eq!(top[0]["values"], serde_json::json!([25.0, -15.0]));
    let densities: Vec<f64> = top.iter().map(|t| number(&t["log_density"])).collect();
    assert!(densities.is_sorted());
    let (out, _) = done(place().latents("score runs/good rows.csv --top 3"));
    assert!(out.contains("25") && out.contains(&OUTLIER.to_string()) && out.lines().count() < 12, "{out}");
    let all = json("score runs/good rows.csv --estimator iwae:20");
    assert_eq!(all["scores"].as_array().map(Vec::len), Some(ROWS));
    assert_eq!((all["unit"].as_str(), all["kind"].as_str()), (Some("nats per row"), Some("lower")));
}

#[test]
fn rows_far_outside_the_data_are_told_for_what_they_are() {
    std::fs::write(place().at("far.csv"), "a,b\n10,-5\n1e7,-5\n1e25,-5\n").expect("written");
    let (out, err) = done(place().latents("score runs/good far.csv --estimator iwae:100"));
    let lines: Vec<Vec<&str>> = out.lines().skip(1).map(|l| l.split(',').collect()).collect();
    let number = |cell: &str| cell.parse::<f64>().expect("a number");
    assert!(number(lines[0][1]) > -20.0);
    // Far, and its figure is rough: one weight beside which all others vanish.
    assert!(number(lines[1][1]) < -1e9 && number(lines[1][3]) > 100.0, "{out}");
    // Beyond what 32 bits can tell from nothing: no error, no shape.
    assert_eq!(lines[2][1..], ["-inf", "", ""]);
    assert!(err.contains("1 of the rows is so far from the training data"), "{err}");
    let found = json("eval runs/good far.csv --estimator iwae:100,elbo:100");
    for figure in found["estimates"].as_array().expect("a list") {
        assert!(figure["test_log_density"].is_null() && figure["standard_error"].is_null(), "{figure}");
        assert_eq!(figure["rows_not_finite"].as_u64(), Some(1));
    }
    let top = json("score runs/good far.csv --top 2");
    assert_eq!(top["least_likely"][0]["row"].as_u64(), Some(3));
    // A number that is infinite to the model is refused like infinity.
    std::fs::write(place().at("far.csv"), "a,b\n10,-5\n1e300,-5\n").expect("written");
    let (code, out, err) = super::said(place().latents("score runs/good far.csv"));
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    assert!(err.contains("row 2, column `a`: 1e300 is too far"), "{err}");
}

/// A row goes by its number in the file: beyond the first chunk, and after one that was dropped.
#[test]
fn rows_are_numbered_as_in_the_file() {
    let text = String::from_utf8(super::read(place().at("rows.csv"))).expect("text");
    let mut lines: Vec<&str> = text.lines().collect();
    lines.insert(5, "1,NA");
    std::fs::write(place().at("gap.csv"), lines.join("\n")).expect("written");
    let (out, err) = done(place().latents("score runs/good gap.csv --missing drop --top 1 --estimator iwae:20"));
    assert!(out.contains(&(OUTLIER + 1).to_string()) && err.contains("1 row was dropped"), "{out}{err}");
    let found = json("score runs/good gap.csv --missing drop --top 1 --estimator iwae:20");
    assert_eq!(found["least_likely"][0]["row"].as_u64(), Some(OUTLIER + 1));
    let (out, _) = done(place().latents("score runs/good gap.csv --missing drop --estimator iwae:2"));
    let numbers: Vec<&str> = out.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!((numbers.len(), numbers[3], numbers[4], numbers[ROWS - 1]), (ROWS, "4", "6", "1301"));
    // A value that the model cannot have is told by the same number.
    lines[1201] = "1e300,-5";
    std::fs::write(place().at("gap.csv"), lines.join("\n")).expect("written");
    let (code, _, err) = super::said(place().latents("score runs/good gap.csv --missing drop --estimator iwae:2"));
    assert!(code == 2 && err.contains("gap.csv: row 1201, column `a`"), "{err}");
}

#[test]
fn counts_that_are_none_are_named_by_their_row_in_the_file() {
    let mut lines = vec!["n".to_owned()];
    lines.extend((0..1300).map(|i| (i % 5).to_string()));
    std::fs::write(place().at("counts.csv"), lines.join("\n")).expect("written");
    done(place().latents("fit counts.csv -o runs/counts --quiet --likelihood poisson latent=1 hidden=4 epochs=1"));
    lines[1250] = "1.5".to_owned();
    std::fs::write(place().at("counts.csv"), lines.join("\n")).expect("written");
    assert!(refused_late("score runs/counts counts.csv --estimator iwae:2").contains("row 1250, column `n`"));
    // Of one object it is the end.
    let (code, out, _) = super::said(place().latents("score runs/counts counts.csv --estimator iwae:2 --json"));
    let object: serde_json::Value = serde_json::from_str(&out).expect("one object");
    assert_eq!(
        (code, object["exit_code"].as_i64(), object["scores"].as_array().map(Vec::len)),
        (2, Some(2), Some(1024))
    );
    assert!(object["error"].as_str().is_some_and(|why| why.contains("row 1250")), "{out}");
}

/// What a command says that finds a mistake after it printed results.
fn refused_late(options: &str) -> String {
    let (code, _, err) = super::said(place().latents(options));
    assert_eq!(code, 2, "{err}");
    err
}
