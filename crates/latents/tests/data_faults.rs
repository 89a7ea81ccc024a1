//! Bad input is a typed error with its place: never a panic, never memory on the word of a header.

use latents::data::{DataError, Fault, ReadOptions, open_bytes, read, read_bytes};
use proptest::prelude::*;
use std::io::Write;
use std::path::{Path, PathBuf};

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(here(name)).unwrap()
}

fn fault_of(name: &str, bytes: Vec<u8>) -> DataError {
    read_bytes(name, bytes, &ReadOptions::default()).unwrap_err()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn npy(header: &str) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes
}

#[test]
fn ragged_text_names_its_line() {
    let error = fault_of("a.csv", b"a,b\n1,2\n3,4,5\n".to_vec());
    assert!(matches!(*error.fault, Fault::Ragged { found: 3, wanted: 2 }));
    assert_eq!((error.row, error.line), (Some(2), Some(3)));
    assert!(error.to_string().starts_with("a.csv: row 2 (line 3): 3 fields where the first row has 2; help: "));
    assert!(error.is_usage());
}

#[test]
fn empty_files_and_empty_tables() {
    for name in ["a.csv", "a.npy", "a.npz", "a.idx", "a.png", "a"] {
        assert!(matches!(*fault_of(name, Vec::new()).fault, Fault::Empty), "{name}");
        assert!(matches!(*fault_of(name, gzip(b"")).fault, Fault::Empty), "{name} in gzip");
    }
    assert!(matches!(*fault_of("a.csv", b"a,b\n".to_vec()).fault, Fault::NoRows { dropped: 0 }));
    assert!(matches!(*fault_of("a.csv", b"\n\n".to_vec()).fault, Fault::Empty));
    let none = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 3)}");
    assert!(matches!(*fault_of("a.npy", none).fault, Fault::NoRows { .. }));
    let narrow = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 0)}");
    assert!(matches!(*fault_of("a.npy", narrow).fault, Fault::NoColumns));
}

#[test]
fn infinities_and_text_have_a_place_and_a_remedy() {
    for text in ["inf", "-Infinity", "1e999"] {
        let error = fault_of("a.csv", format!("a,b\n1,2\n3,{text}\n").into());
        assert!(matches!(*error.fault, Fault::NotFinite { .. }), "{text}");
        assert_eq!((error.row, error.column.as_deref()), (Some(2), Some("b")));
    }
    let error = fault_of("a.csv", b"a,b\n1,2\n3,green\n".to_vec());
    assert!(matches!(&*error.fault, Fault::Text { text } if text == "green") && error.is_usage());
    assert!(error.to_string().contains("--categorical b"));
    let mut floats = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1)}");
    floats.extend(1.0f64.to_le_bytes());
    let (mut infinite, mut nan) = (floats.clone(), floats);
    infinite.extend(f64::INFINITY.to_le_bytes());
    nan.extend(f64::NAN.to_le_bytes());
    let error = fault_of("a.npy", infinite);
    assert!(matches!(*error.fault, Fault::NotFinite { .. }) && error.row == Some(2));
    let error = fault_of("a.npy", nan);
    assert!(matches!(*error.fault, Fault::Missing) && error.column.as_deref() == Some("x1"));
    let mut large = npy("{'descr': '<u8', 'fortran_order': False, 'shape': (1, 1)}");
    large.extend(u64::MAX.to_le_bytes());
    assert!(matches!(*fault_of("a.npy", large).fault, Fault::Inexact { .. }));
}

#[test]
fn truncated_files_say_how_far_they_go() {
    let cut = |name: &str, less: usize| {
        let whole = bytes(name);
        whole[..whole.len() - less].to_vec()
    };
    let truncated = |error: DataError, rows: u64, there: u64| {
        assert!(
            matches!(*error.fault, Fault::Truncated { wanted, found } if (wanted, found) == (rows, there)),
            "{error}"
        );
    };
    truncated(fault_of("a.npy", cut("readers/c_f4.npy", 13)), 4, 2);
    truncated(fault_of("a.npy", cut("readers/fortran_f8.npy", 9)), 4, 2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    std::fs::write(&path, cut("readers/fortran_f8.npy", 9)).unwrap();
    truncated(read(&path, &ReadOptions::default()).unwrap_err(), 4, 2);
    truncated(fault_of("a.idx", vec![0, 0, 8, 2, 0, 0, 0, 3, 0, 0, 0, 2, 1, 2, 3]), 3, 1);
    assert!(matches!(*fault_of("a.idx", vec![0, 0, 8, 2, 0, 0]).fault, Fault::Corrupt { .. }));
    for less in [1, 30, 200, 400] {
        assert!(matches!(*fault_of("a.npz", cut("readers/deflated.npz", less)).fault, Fault::Corrupt { .. }), "{less}");
    }
    let digits = bytes("digits.csv.gz");
    for length in [3, 100, digits.len() / 2, digits.len() - 4] {
        let error = fault_of("digits.csv.gz", digits[..length].to_vec());
        assert!(matches!(*error.fault, Fault::Gzip(_)), "{length}: {error}");
    }
}

#[test]
fn changed_bytes_are_found_where_there_is_a_checksum() {
    let mut archive = bytes("readers/stored.npz");
    let place = archive.windows(8).position(|w| w == 2.75f64.to_le_bytes()).unwrap();
    archive[place] ^= 1;
    let error = fault_of("a.npz", archive);
    assert!(matches!(&*error.fault, Fault::Corrupt { format: "NPZ", .. }), "{error}");
    let mut digits = bytes("digits.csv.gz");
    let last = digits.len() - 7;
    digits[last] ^= 1;
    assert!(matches!(*fault_of("digits.csv.gz", digits).fault, Fault::Gzip(_)));
}

#[test]
fn pictures_that_are_none() {
    let mut whole = Vec::new();
    let mut encoder = png::Encoder::new(&mut whole, 20, 20);
    encoder.set_color(png::ColorType::Grayscale);
    let pixels: Vec<u8> = (0..400u32).map(|i| (i * i % 251) as u8).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    assert_eq!(read_bytes("a.png", whole.clone(), &ReadOptions::default()).unwrap().width(), 400);
    for length in [4, 20, 40, whole.len() / 2] {
        let error = fault_of("a.png", whole[..length].to_vec());
        assert!(matches!(*error.fault, Fault::Corrupt { .. }), "{length}: {error}");
    }
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 0x55;
    assert!(matches!(*fault_of("a.png", changed).fault, Fault::Corrupt { .. }));
    // A header that claims 65535 by 65535 pixels.
    let mut vast = whole;
    vast[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    assert!(matches!(*fault_of("a.png", vast).fault, Fault::Corrupt { .. }));
}

#[test]
fn a_jpeg_that_is_cut_short_is_not_painted_grey() {
    let pixels: Vec<u8> = (0..64 * 64u32).map(|i| (i * i % 251) as u8).collect();
    let mut whole = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut whole, 95);
    image::ImageEncoder::write_image(encoder, &pixels, 64, 64, image::ExtendedColorType::L8).unwrap();
    let table = read_bytes("a.jpg", whole.clone(), &ReadOptions::default()).unwrap();
    assert_eq!((table.rows(), table.width()), (1, 4096));
    for length in [3, 20, 300, whole.len() / 2, whole.len() - 1] {
        let error = fault_of("a.jpg", whole[..length].to_vec());
        assert!(matches!(*error.fault, Fault::Corrupt { format: "JPEG", .. }), "{length}: {error}");
    }
}

#[test]
fn headers_that_lie_take_no_memory() {
    for shape in ["(10000000000000000000, 10000000)", "(99999999999, 1000000)", "(1, 18446744073709551615, 3)"] {
        for order in ["True", "False"] {
            let header = format!("{{'descr': '<f8', 'fortran_order': {order}, 'shape': {shape}, }}");
            let error = fault_of("a.npy", npy(&header));
            assert!(matches!(*error.fault, Fault::Truncated { .. } | Fault::TooWide { .. }), "{shape}: {error}");
        }
    }
    let most = [0xffu8; 4].repeat(8);
    let error = fault_of("a.idx", [vec![0, 0, 14, 8], most].concat());
    assert!(matches!(*error.fault, Fault::TooWide { .. }), "{error}");
    let error = fault_of("a.idx", [0, 0, 14, 1].into_iter().chain([0xff; 4]).collect());
    assert!(matches!(*error.fault, Fault::Truncated { wanted: 0xffff_ffff, found: 0 }), "{error}");
}

#[test]
fn broken_headers_of_arrays() {
    for header in [
        "",
        "{",
        "{'descr': '<f8'}",
        "{'descr': '<f8', 'fortran_order': Maybe, 'shape': (1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} rest",
        "{'descr': '<f8, 'fortran_order': False, 'shape': (1,)}",
    ] {
        let error = fault_of("a.npy", npy(header));
        assert!(matches!(*error.fault, Fault::Corrupt { format: "NPY", .. }), "{header}: {error}");
    }
    for descr in ["<f3", "<c16", "é8", "f", "", "<U1", "|b8"] {
        let error = fault_of("a.npy", npy(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (1,)}}")));
        assert!(matches!(*error.fault, Fault::Unsupported { .. }), "{descr}: {error}");
    }
    let error = fault_of("a.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': ()}"));
    assert!(matches!(*error.fault, Fault::Unsupported { .. }));
    let mut long = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}");
    long.extend([1, 2, 3]);
    assert!(matches!(*fault_of("a.npy", long).fault, Fault::Corrupt { .. }));
    assert!(matches!(*fault_of("a.npy", b"not numpy at all".to_vec()).fault, Fault::Corrupt { .. }));
}

#[test]
fn files_that_cannot_be_opened() {
    let error = read(Path::new("/no/such/file.csv"), &ReadOptions::default()).unwrap_err();
    assert!(matches!(*error.fault, Fault::Read(_)) && error.is_usage());
    assert!(error.to_string().starts_with("/no/such/file.csv: cannot be read: "));
    assert!(matches!(*fault_of("strange", vec![0, 1, 2, 3, 0, 9]).fault, Fault::UnknownFormat));
    let unknown = ReadOptions { columns: Some(vec!["wating".into()]), ..ReadOptions::default() };
    let error = read(&here("faithful.csv"), &unknown).unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("did you mean `waiting`?"), "{error}");
}

#[test]
fn a_row_without_an_end_is_refused() {
    let mut endless = b"a,b\n1,\"".to_vec();
    endless.resize(70 << 20, b'x');
    assert!(matches!(*fault_of("a.csv", endless).fault, Fault::LongRecord { .. }));
}

/// Reads all of it in small chunks, with several options; an error is as good as a table, a panic is not.
fn survive(name: &str, bytes: &[u8]) {
    let categorical = ReadOptions { categorical: vec!["1".into()], ..ReadOptions::default() };
    let points = ReadOptions { points: Some(5), ..ReadOptions::default() };
    for options in [ReadOptions::default(), categorical, points] {
        if let Ok(mut reader) = open_bytes(name, bytes.to_vec(), &options) {
            while let Ok(Some(table)) = reader.next(7) {
                assert_eq!(table.columns(), reader.columns());
            }
        }
    }
}

const NAMES: &[&str] =
    &["a.csv", "a.tsv", "a.npy", "a.npz", "a.idx", "a.png", "a.jpg", "a.csv.gz", "a.parquet", "a.arrow", "unnamed"];

const FILES: &[(&str, &str)] = &[
    ("a.csv", "faithful.csv"),
    ("a.csv.gz", "digits.csv.gz"),
    ("a.npy", "readers/c_f4.npy"),
    ("a.npy", "readers/fortran_3d_i2.npy"),
    ("a.npz", "readers/stored.npz"),
    ("a.npz", "readers/deflated.npz"),
    ("a.idx", "readers/labels-idx1-ubyte.gz"),
    ("a.parquet", "readers/mixed.parquet"),
    ("a.arrow", "readers/mixed.arrow"),
];

#[cfg(feature = "arrow")]
#[test]
fn arrow_files_that_claim_more_than_they_hold_are_corrupt() {
    let whole = bytes("readers/mixed.arrow");
    let is_corrupt = |bytes: Vec<u8>| {
        let options = ReadOptions { categorical: vec!["text".into()], ..ReadOptions::default() };
        let fault = open_bytes("a.arrow", bytes, &options).err().map(|e| e.fault);
        assert!(matches!(fault.as_deref(), Some(Fault::Corrupt { format: "Arrow", .. })), "{fault:?}");
    };
    // Found by fuzzing: a buffer of 2^56 bytes in a dictionary.
    let mut long = whole.clone();
    long[551] = 1;
    is_corrupt(long);
    // A footer of 2 GiB: its length, little-endian, stands before the six bytes of the mark.
    let mut footer = whole.clone();
    footer[whole.len() - 7] = 0x7f;
    is_corrupt(footer);
    // The first batch, whose length is the last of the three numbers of 24 bytes that the footer has of it.
    let start = whole.len() - 10 - u32::from_le_bytes(whole[whole.len() - 10..][..4].try_into().unwrap()) as usize;
    let claims = (start..whole.len() - 17).filter(|&at| {
        let mut block = whole.clone();
        block[at + 6] = 0x40;
        let fault = open_bytes("a.arrow", block, &ReadOptions::default()).err().map(|e| e.to_string());
        fault.is_some_and(|text| text.contains("claims a block beyond the file's end"))
    });
    assert!(claims.count() > 0, "no byte of the footer makes a block too long");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), name in prop::sample::select(NAMES)) {
        survive(name, &bytes);
    }

    #[test]
    fn changed_files_never_panic(
        file in prop::sample::select(FILES),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        kept in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = bytes(file.1);
        bytes.truncate(4000);
        for (place, byte) in changes {
            let i = place.index(bytes.len());
            bytes[i] = byte;
        }
        if cut {
            bytes.truncate(kept.index(bytes.len()));
        }
        survive(file.0, &bytes);
    }

    #[test]
    fn numbers_written_as_text_are_read_back(
        rows in prop::collection::vec((-1e300f64..1e300, any::<i32>()), 1..20),
        header in any::<bool>(),
        separator in prop::sample::select(vec![",", "\t", ";"]),
        end in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let mut text = if header { format!("a{separator}b{end}") } else { String::new() };
        for (a, b) in &rows {
            text.push_str(&format!("{a:?}{separator}\"{b}\"{end}"));
        }
        let table = read_bytes("a.csv", text.into(), &ReadOptions::default()).unwrap();
        let flat: Vec<f64> = rows.iter().flat_map(|&(a, b)| [a, f64::from(b)]).collect();
        prop_assert_eq!(table.values(), flat);
    }
}
