//! Every format gives the numbers that were written, whole and in chunks.

use latents::data::{Column, Fault, Header, Ink, Missing, ReadOptions, Table, open, open_bytes, read, read_bytes};
use std::io::Write;
use std::path::{Path, PathBuf};

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn plain() -> ReadOptions {
    ReadOptions::default()
}

fn choosing(columns: &[&str]) -> ReadOptions {
    ReadOptions { columns: Some(columns.iter().map(|c| (*c).to_owned()).collect()), ..plain() }
}

fn names(table: &Table) -> Vec<&str> {
    table.columns().iter().map(|column| column.name.as_str()).collect()
}

fn csv(text: &str, options: &ReadOptions) -> Table {
    read_bytes("a.csv", text.as_bytes().to_vec(), options).unwrap()
}

/// Quarters of 0 to 11 in rows of 3, as most files of `readers/` hold them.
fn quarters() -> Vec<f64> {
    (0..12).map(|i| f64::from(i) / 4.0).collect()
}

#[test]
fn text_with_and_without_a_header() {
    let table = csv("a,b\n1,2\n3,4e-1\n", &plain());
    assert_eq!((names(&table), table.values()), (vec!["a", "b"], &[1.0, 2.0, 3.0, 0.4][..]));
    let table = csv("1,2\n3,4", &plain());
    assert_eq!((names(&table), table.rows()), (vec!["x1", "x2"], 2));
    let table = csv("1,2\n3,4", &ReadOptions { header: Header::Yes, ..plain() });
    assert_eq!((names(&table), table.rows()), (vec!["1", "2"], 1));
    let none = csv("a,b\n1,2", &ReadOptions { header: Header::No, categorical: vec!["1-2".into()], ..plain() });
    assert_eq!((names(&none), none.rows()), (vec!["x1", "x2"], 2));
    assert_eq!(names(&csv(",b\n1,2", &plain())), ["x1", "b"]);
}

#[test]
fn quotes_separators_line_ends_and_marks() {
    let table = csv("\"a, or b\",\"c \"\"d\"\"\"\n\"1\",\" 2 \"\n\n3 ,4\n", &plain());
    assert_eq!((names(&table), table.values()), (vec!["a, or b", "c \"d\""], &[1.0, 2.0, 3.0, 4.0][..]));
    assert_eq!(csv("a;b\r\n1;2\r\n", &plain()).values(), [1.0, 2.0]);
    assert_eq!(csv("a\tb\n1\t2\n", &plain()).values(), [1.0, 2.0]);
    assert_eq!(csv("\u{feff}a,b\n1,2\n", &plain()).columns()[0], Column::number("a"));
    let tabs = read_bytes("a.tsv", b"a,b\tc\n1\t2\n".to_vec(), &plain()).unwrap();
    assert_eq!(names(&tabs), ["a,b", "c"]);
    // Latin-1 in a column that is left out harms nobody.
    let latin = b"name,x\nJos\xe9,1\n".to_vec();
    assert_eq!(read_bytes("a.csv", latin, &choosing(&["x"])).unwrap().values(), [1.0]);
}

#[test]
fn missing_values_are_refused_or_dropped_and_counted() {
    let text = "a,b\n1,2\n3,NA\n,4\n5,nan\n6,7\n?,null\n";
    let error = read_bytes("a.csv", text.into(), &plain()).unwrap_err();
    assert!(matches!(*error.fault, Fault::Missing));
    assert_eq!((error.row, error.line, error.column.as_deref()), (Some(2), Some(3), Some("b")));
    let options = ReadOptions { missing: Missing::Drop, ..plain() };
    let mut reader = open_bytes("a.csv", text.into(), &options).unwrap();
    assert_eq!(reader.next(10).unwrap().unwrap().values(), [1.0, 2.0, 6.0, 7.0]);
    assert!(reader.next(10).unwrap().is_none());
    assert_eq!(reader.dropped(), 4);
    // Only the chosen columns count.
    assert_eq!(csv("a,b\n1,2\n3,NA\n", &choosing(&["a"])).rows(), 2);
}

#[test]
fn categories_are_learnt_sorted_and_asked_for_again() {
    let options = ReadOptions { categorical: vec!["colour".into(), "size".into()], ..plain() };
    let text = "size,colour,x\n10,red,1\n9,blue,2\n10,red,3\n";
    let table = csv(text, &options);
    assert_eq!(table.columns()[0], Column::categories("size", vec!["9".into(), "10".into()]));
    assert_eq!(table.columns()[1], Column::categories("colour", vec!["blue".into(), "red".into()]));
    assert_eq!(table.values(), [1.0, 1.0, 1.0, 0.0, 0.0, 2.0, 1.0, 1.0, 3.0]);
    assert_eq!((table.text(1, 0), table.text(0, 1), table.text(2, 2)), ("9".into(), "red".into(), "3".into()));
    let mut reader = open_bytes("a.csv", text.into(), &options).unwrap();
    assert_eq!(reader.columns(), table.columns());
    assert_eq!(reader.next(2).unwrap().unwrap(), table.select_rows(&[0, 1]));
    // A name whose only row is dropped is none of the data's.
    let dropping = ReadOptions { categorical: vec!["c".into()], missing: Missing::Drop, ..plain() };
    assert_eq!(csv("c,x\nred,1\nblue,NA\n", &dropping).columns()[0].levels().unwrap(), ["red"]);

    // At score time, in another order, with a column more.
    let like = ReadOptions { like: Some(table.columns().to_vec()), ..plain() };
    assert_eq!(csv("x,id,colour,size\n7,a,red,9\n", &like).values(), [0.0, 1.0, 7.0]);
    let error = read_bytes("b.csv", b"x,colour,size\n7,red,9\n8,green,9\n".to_vec(), &like).unwrap_err();
    assert!(matches!(&*error.fault, Fault::Level { text, .. } if text == "green"));
    assert_eq!((error.row, error.column.as_deref()), (Some(2), Some("colour")));
}

#[test]
fn a_fitted_models_columns_are_found_or_the_data_refused() {
    let like =
        |names: &[&str]| ReadOptions { like: Some(names.iter().copied().map(Column::number).collect()), ..plain() };
    let mismatch = |text: &str, options: &ReadOptions| {
        let error = read_bytes("a.csv", text.into(), options).unwrap_err();
        assert!(matches!(*error.fault, Fault::Mismatch { .. }) && error.is_usage(), "{error}");
    };
    assert_eq!(csv("b,c,a\n1,2,3\n", &like(&["a", "b"])).values(), [3.0, 1.0]);
    mismatch("b,c\n1,2\n", &like(&["a", "b"]));
    // Without names on one side the position decides, and the number must be right.
    assert_eq!(csv("1,2\n", &like(&["a", "b"])).values(), [1.0, 2.0]);
    assert_eq!(csv("u,v\n1,2\n", &like(&["x1", "x2"])).values(), [1.0, 2.0]);
    mismatch("1,2,3\n", &like(&["a", "b"]));
    mismatch("1,2,3\n", &like(&["x1", "x2"]));
    mismatch("1\n", &like(&["x1", "x2"]));
    mismatch("u,v\n1,2\n", &like(&["a", "b"]));
    let chosen = ReadOptions { columns: Some(vec!["3".into(), "1".into()]), ..like(&["a", "b"]) };
    assert_eq!(csv("1,2,3\n", &chosen).values(), [3.0, 1.0]);
    let without = ReadOptions { without: vec!["label".into(), "c".into()], ..like(&["a"]) };
    assert_eq!(csv("a,c\n1,2\n", &without).values(), [1.0]);
}

#[test]
fn numpy_arrays_of_every_kind() {
    let values = |name: &str| read(&here(&format!("readers/{name}")), &plain()).unwrap().values().to_vec();
    assert_eq!(values("c_f4.npy"), quarters());
    assert_eq!(values("fortran_f8.npy"), quarters());
    assert_eq!(values("fortran_3d_i2.npy"), (0..24).map(f64::from).collect::<Vec<_>>());
    assert_eq!(values("big_i4.npy"), (-5..7).map(f64::from).collect::<Vec<_>>());
    assert_eq!(values("u1.npy"), (0..12).map(f64::from).collect::<Vec<_>>());
    assert_eq!(values("bool.npy"), (0..12).map(|i| f64::from(1 - i % 2)).collect::<Vec<_>>());
    for name in ["structured.npy", "text.npy"] {
        let error = read(&here(&format!("readers/{name}")), &plain()).unwrap_err();
        assert!(matches!(*error.fault, Fault::Unsupported { .. }), "{error}");
    }
    // From memory the Fortran order is undone without a file to seek in.
    for name in ["fortran_f8.npy", "fortran_3d_i2.npy"] {
        let bytes = std::fs::read(here(&format!("readers/{name}"))).unwrap();
        assert_eq!(read_bytes(name, bytes, &plain()).unwrap().values(), values(name));
    }
    let chosen = read(&here("readers/fortran_f8.npy"), &choosing(&["3", "1"])).unwrap();
    assert_eq!(chosen.values(), [0.5, 0.0, 1.25, 0.75, 2.0, 1.5, 2.75, 2.25]);
}

#[test]
fn archives_of_arrays_are_columns_side_by_side() {
    let path = here("readers/stored.npz");
    let table = read(&path, &plain()).unwrap();
    assert_eq!(names(&table), ["x.1", "x.2", "x.3", "y"]);
    assert_eq!(table.row(2), [1.5, 1.75, 2.0, 2.0]);
    assert_eq!(read(&path, &choosing(&["y", "x.2"])).unwrap().row(3), [3.0, 2.5]);
    let path = here("readers/deflated.npz");
    let error = read(&path, &plain()).unwrap_err();
    assert!(error.to_string().contains("`x_test` has 2 rows and `x_train` 4"), "{error}");
    assert_eq!(read(&path, &choosing(&["x_train"])).unwrap().values(), quarters());
    assert_eq!(read(&path, &choosing(&["x_test"])).unwrap().values(), &quarters()[..6]);
    // A model fitted to one array scores another that is chosen by name.
    let like = ReadOptions {
        like: Some(read(&path, &choosing(&["x_train"])).unwrap().columns().to_vec()),
        ..choosing(&["x_test"])
    };
    assert_eq!(names(&read(&path, &like).unwrap()), ["x_train.1", "x_train.2", "x_train.3"]);
}

#[test]
fn idx_files_by_name_and_by_content() {
    let path = here("readers/labels-idx1-ubyte.gz");
    assert_eq!(read(&path, &plain()).unwrap().values(), [7.0, 2.0, 1.0, 0.0, 4.0]);
    let mut images = vec![0, 0, 0x0b, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
    images.extend([0xff, 0xff, 0, 1, 0x7f, 0xff, 0x80, 0]);
    assert_eq!(read_bytes("images", images, &plain()).unwrap().values(), [-1.0, 1.0, 32767.0, -32768.0]);
}

#[test]
fn chunks_of_any_size_hold_the_same_rows() {
    for name in ["faithful.csv", "readers/c_f4.npy", "readers/fortran_f8.npy", "readers/stored.npz"] {
        let whole = read(&here(name), &plain()).unwrap();
        for most in [1, 3, 100] {
            let mut reader = open(&here(name), &plain()).unwrap();
            let mut values = Vec::new();
            while let Some(chunk) = reader.next(most).unwrap() {
                assert!((1..=most).contains(&chunk.rows()));
                values.extend_from_slice(chunk.values());
            }
            assert_eq!(values, whole.values(), "{name} by {most}");
            assert!(reader.next(most).unwrap().is_none());
        }
    }
}

#[test]
fn real_files_have_their_known_shape_and_hash() {
    let faithful = read(&here("faithful.csv"), &plain()).unwrap();
    assert_eq!((names(&faithful), faithful.rows()), (vec!["eruptions", "waiting"], 272));
    let mean = |j: usize| faithful.column(j).sum::<f64>() / 272.0;
    assert!((mean(0) - 3.487_783).abs() < 1e-6 && (mean(1) - 70.897_06).abs() < 1e-5);
    let digits = read(&here("digits.csv.gz"), &ReadOptions { without: vec!["65".into()], ..plain() }).unwrap();
    assert_eq!((digits.rows(), digits.width()), (1797, 64));
    assert_eq!(digits.values().iter().sum::<f64>(), 561_718.0);
    // The same values in another format have the same hash.
    let mut npy = npy("|u1", false, "(1797, 64)");
    npy.extend(digits.values().iter().map(|&v| v as u8));
    assert_eq!(read_bytes("digits.npy", npy, &plain()).unwrap().hash(), digits.hash());
}

fn npy(descr: &str, fortran: bool, shape: &str) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes
}

fn png(width: u32, pixels: &[u8], color: png::ColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    let height = (pixels.len() / color.samples()) as u32 / width;
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(pixels).unwrap();
    writer.finish().unwrap();
    bytes
}

#[test]
fn a_folder_of_pictures_is_rows_of_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| {
        std::fs::File::create(folder.path().join(name)).unwrap().write_all(bytes).unwrap();
    };
    put("b.PNG", &png(2, &[5, 6, 7, 8], png::ColorType::Grayscale));
    put("a.png", &png(2, &[1, 0, 3, 255], png::ColorType::Grayscale));
    put("notes.txt", b"not a picture");
    let table = read(folder.path(), &plain()).unwrap();
    assert_eq!(table.values(), [1.0, 0.0, 3.0, 255.0, 5.0, 6.0, 7.0, 8.0]);
    put("c.png", &png(1, &[1, 2, 3, 4], png::ColorType::Grayscale));
    let error = read(folder.path(), &plain()).unwrap_err();
    assert!(matches!(*error.fault, Fault::PictureSize { .. }) && error.origin.ends_with("c.png"), "{error}");
    let colour = png(1, &[1, 2, 3, 9, 4, 5, 6, 9], png::ColorType::Rgba);
    assert_eq!(read_bytes("rgba.png", colour, &plain()).unwrap().values(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(*read(empty.path(), &plain()).unwrap_err().fault, Fault::Unsupported { .. }));
}

#[test]
fn points_fall_where_the_ink_is() {
    // Two columns and two rows: white above black on the left, half grey below white on the right.
    let picture = || png(2, &[255, 255, 0, 127], png::ColorType::Grayscale);
    let n = 6000;
    let options = ReadOptions { points: Some(n), ..plain() };
    let table = read_bytes("a.png", picture(), &options).unwrap();
    assert_eq!((names(&table), table.rows()), (vec!["x", "y"], n));
    assert!(table.column(1).all(|y| (0.0..1.0).contains(&y)));
    let left = table.column(0).filter(|&x| x < 1.0).count() as f64 / n as f64;
    let p = 255.0 / (255.0 + 128.0);
    assert!((left - p).abs() < 3.0 * (p * (1.0 - p) / n as f64).sqrt(), "{left}");
    let mean_y = table.column(1).sum::<f64>() / n as f64;
    assert!((mean_y - 0.5).abs() < 3.0 * (1.0 / 12.0 / n as f64).sqrt());
    let bright = read_bytes("a.png", picture(), &ReadOptions { ink: Ink::Bright, ..options.clone() }).unwrap();
    assert!(bright.row(0).iter().all(|&v| (0.0..2.0).contains(&v)));
    assert!(bright.column(0).zip(bright.column(1)).all(|(x, y)| !(x < 1.0 && y < 1.0)));
    assert_eq!(table, read_bytes("a.png", picture(), &options).unwrap());
    assert_ne!(table, read_bytes("a.png", picture(), &ReadOptions { seed: 1, ..options.clone() }).unwrap());
    let white = png(1, &[255, 255], png::ColorType::Grayscale);
    assert!(matches!(*read_bytes("w.png", white, &options).unwrap_err().fault, Fault::NoInk("dark")));
    assert!(read_bytes("a.csv", b"1,2\n".to_vec(), &options).unwrap_err().is_usage());
}

#[cfg(all(feature = "arrow", feature = "parquet"))]
#[test]
fn columnar_files_with_all_their_types() {
    for name in ["mixed.parquet", "mixed.arrow"] {
        let path = here(&format!("readers/{name}"));
        let options = ReadOptions {
            columns: Some(["d", "a", "c", "b"].map(String::from).to_vec()),
            categorical: vec!["c".into(), "d".into()],
            missing: Missing::Drop,
            ..plain()
        };
        let table = read(&path, &options).unwrap();
        assert_eq!(table.columns()[2], Column::categories("c", vec!["red".into()]));
        assert_eq!(table.columns()[0], Column::categories("d", vec!["u".into(), "v".into()]));
        assert_eq!(table.values(), [0.0, 1.5, 0.0, 1.0, 0.0, 3.5, 0.0, 3.0, 1.0, 4.5, 0.0, 4.0]);
        let error = read(&path, &choosing(&["e"])).unwrap_err();
        assert!(matches!(*error.fault, Fault::Unsupported { .. }) && error.column.as_deref() == Some("e"), "{error}");
        assert!(matches!(*read(&path, &choosing(&["c"])).unwrap_err().fault, Fault::Text { .. }));
        let error = read(&path, &choosing(&["a"])).unwrap_err();
        assert!(matches!(*error.fault, Fault::Missing) && error.row == Some(2), "{error}");
        let cut = std::fs::read(&path).unwrap();
        assert!(matches!(
            *read_bytes(name, cut[..cut.len() / 2].to_vec(), &plain()).unwrap_err().fault,
            Fault::Corrupt { .. }
        ));
    }
}

#[cfg(not(feature = "parquet"))]
#[test]
fn a_format_that_was_not_built_is_named() {
    let error = read(&here("readers/mixed.parquet"), &plain()).unwrap_err();
    assert!(matches!(*error.fault, Fault::NotBuilt { format: "parquet" }) && error.is_usage());
}
