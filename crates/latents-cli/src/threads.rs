//! How many threads there are to be.

use std::thread::available_parallelism;

/// The environment variable that says it where the option does not.
const VARIABLE: &str = "PULLBACK_THREADS";

/// Uses as many threads as the option, else the environment variable, asks for; returns what there is to say of it.
pub fn choose(asked: Option<u32>) -> Option<String> {
    let cores = available_parallelism().map_or(1, |n| n.get());
    let set = std::env::var_os(VARIABLE).map(|text| text.to_string_lossy().into_owned());
    let (threads, said) = decide(asked, set.as_deref(), cores);
    if let Some(threads) = threads {
        pullback::set_threads(threads);
    }
    said
}

/// The number of threads, where one is asked for, and what there is to say of it.
fn decide(asked: Option<u32>, set: Option<&str>, cores: usize) -> (Option<usize>, Option<String>) {
    let (name, wanted) = match (asked, set) {
        (Some(n), _) => ("--threads", n as usize),
        (None, None) => return (None, None),
        (None, Some(text)) => match text.trim().parse() {
            Ok(n) if n > 0 => (VARIABLE, n),
            _ => {
                let said =
                    format!("{VARIABLE}={text} is no number of threads and is ignored: one for each core is used");
                return (Some(cores), Some(said));
            }
        },
    };
    let said = format!("{name} {wanted} is more than this machine's cores: {cores} threads are used");
    (Some(wanted.min(cores)), (wanted > cores).then_some(said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_threads_than_cores_and_words_are_told() {
        assert_eq!(decide(None, None, 4), (None, None));
        assert_eq!(decide(Some(3), Some("x"), 4), (Some(3), None));
        assert_eq!(decide(None, Some(" 2 "), 4), (Some(2), None));
        let (threads, said) = decide(Some(1024), None, 4);
        assert_eq!(
            (threads, said.as_deref()),
            (Some(4), Some("--threads 1024 is more than this machine's cores: 4 threads are used"))
        );
        for text in ["abc", "0", "-1", ""] {
            let (threads, said) = decide(None, Some(text), 4);
            assert!(threads == Some(4) && said.is_some_and(|s| s.contains(&format!("PULLBACK_THREADS={text} "))));
        }
    }
}
