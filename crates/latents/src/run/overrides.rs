//! Configurations from TOML text and `key=value` overrides; an unknown key is refused with the nearest known one.

use crate::run::{ConfigError, FitConfig};
use toml::{Table, Value};

/// Short forms of keys, for the command line.
pub const SHORT_KEYS: &[(&str, &str)] = &[
    ("likelihood", "model.likelihood"),
    ("latent", "model.latent"),
    ("hidden", "model.hidden"),
    ("activation", "model.activation"),
    ("prior", "model.prior"),
    ("posterior", "model.posterior"),
    ("bound", "objective.bound"),
    ("epochs", "training.epochs"),
    ("batch", "training.batch"),
    ("rate", "training.rate"),
    ("patience", "training.patience"),
    ("binarise", "data.binarise"),
    ("preprocess", "data.preprocess"),
];

/// Keys that are lists, where one value alone is taken for a list of one.
const LISTS: &[&str] = &[
    "model.latent",
    "model.hidden",
    "model.between",
    "data.preprocess",
    "data.read.columns",
    "data.read.without",
    "data.read.categorical",
];

/// Choices with options whose name alone is a choice too, by the key that they are under, and what it stands for.
const ALONE: &[(&str, &str, &str)] = &[
    ("binarise", "threshold", "{ threshold = 0.5 }"),
    ("binarise", "fixed", "{ fixed = { seed = 0 } }"),
    ("preprocess", "dequantise", "{ dequantise = { bin = 1.0 } }"),
];

impl FitConfig {
    /// From TOML text.
    ///
    /// # Errors
    /// [`ConfigError::Toml`] for text that is no TOML, or a key or value that is none of the configuration's.
    pub fn from_toml(text: &str) -> Result<FitConfig, ConfigError> {
        FitConfig::resolve::<&str>(text, &[])
    }

    /// From TOML text with `key=value` overrides, in order; a key is dotted (`model.latent=8`) or one of the
    /// [`SHORT_KEYS`], a value is TOML, or text where it is none.
    ///
    /// ```
    /// use latents::run::FitConfig;
    /// let config = FitConfig::resolve("[training]\nepochs = 5", &["model.latent=4", "hidden=[32,32]", "seed=7"])?;
    /// assert_eq!((config.model.latent, config.model.hidden), (vec![4], vec![32, 32]));
    /// assert_eq!((config.training.epochs, config.seed), (Some(5), 7));
    /// # Ok::<(), latents::run::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// As [`FitConfig::from_toml`]; [`ConfigError::Override`] for one without `=`.
    pub fn resolve<S: AsRef<str>>(text: &str, overrides: &[S]) -> Result<FitConfig, ConfigError> {
        let mut table: Table = text.parse().map_err(|e: toml::de::Error| ConfigError::Toml(e.to_string()))?;
        for given in overrides {
            let given = given.as_ref();
            let Some((key, value)) = given.split_once('=') else {
                return Err(ConfigError::Override { given: given.to_owned() });
            };
            let key = key.trim();
            let dotted = SHORT_KEYS.iter().find(|(short, _)| *short == key).map_or(key, |(_, long)| long);
            set(&mut table, dotted, of_text(dotted, value.trim()))?;
        }
        if let Some(Value::Table(data)) = table.get_mut("data") {
            for (key, value) in data.iter_mut() {
                spell_out(key, value)?;
            }
        }
        Table::try_into(table).map_err(|e: toml::de::Error| {
            let text = e.to_string();
            if e.message().starts_with("missing field `name`") {
                let of = text.lines().find_map(|line| line.strip_prefix("in `")).map(|rest| rest.trim_end_matches('`'));
                let of = of.unwrap_or("a table");
                return ConfigError::Toml(format!("`{of}` has options and no name: say which it is, by `{of}.name=…`"));
            }
            let place = text.lines().find(|line| line.starts_with("in `")).map(|line| format!(", {line}"));
            ConfigError::Toml(explained(e.message()) + &place.unwrap_or_default())
        })
    }

    /// The configuration as TOML text.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }
}

/// Puts what a name alone stands for in its place.
fn spell_out(key: &str, value: &mut Value) -> Result<(), ConfigError> {
    match value {
        Value::Array(each) => each.iter_mut().try_for_each(|one| spell_out(key, one)),
        Value::String(name) if key == "preprocess" && name == "logit" => Err(ConfigError::Toml(
            "`logit` needs its interval, as in `{ logit = { low = 0, high = 1, alpha = 0.01 } }`, in `data.preprocess`"
                .to_owned(),
        )),
        Value::String(name) => {
            if let Some((.., meant)) = ALONE.iter().find(|(of, alone, _)| *of == key && alone == name) {
                *value = parsed(meant).unwrap_or_else(|| Value::String(name.clone()));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// A value in TOML.
fn parsed(text: &str) -> Option<Value> {
    format!("v = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("v"))
}

/// A value as TOML reads it, else as text; `4` and `4,2` where a list is wanted are lists.
fn of_text(key: &str, text: &str) -> Value {
    let is_list = LISTS.contains(&key);
    match parsed(text) {
        Some(value @ Value::Array(_)) => value,
        Some(value) if is_list => Value::Array(vec![value]),
        Some(value) => value,
        None if is_list => {
            let one = |part: &str| parsed(part.trim()).unwrap_or_else(|| Value::String(part.trim().to_owned()));
            Value::Array(text.split(',').map(one).collect())
        }
        None => Value::String(text.to_owned()),
    }
}

/// Puts a value under a dotted key.
fn set(table: &mut Table, dotted: &str, value: Value) -> Result<(), ConfigError> {
    match dotted.split_once('.') {
        None => {
            match (table.get_mut(dotted), value) {
                // Its options may have come before a likelihood's name.
                (Some(Value::Table(inner)), Value::String(name)) if !inner.contains_key("name") => {
                    inner.insert("name".to_owned(), Value::String(name));
                }
                (_, value) => {
                    table.insert(dotted.to_owned(), value);
                }
            }
            Ok(())
        }
        Some((head, rest)) => match table.entry(head).or_insert_with(|| Value::Table(Table::new())) {
            Value::Table(inner) => set(inner, rest, value),
            // A likelihood by its name alone becomes the table that its options are in.
            Value::String(name) => {
                let mut inner = Table::from_iter([("name".to_owned(), Value::String(name.clone()))]);
                set(&mut inner, rest, value)?;
                table.insert(head.to_owned(), Value::Table(inner));
                Ok(())
            }
            _ => Err(ConfigError::Toml(format!("`{head}` is a value, not a table: it has no `{rest}`"))),
        },
    }
}

/// What types are called in a message, and what people call them.
const TYPES: &[(&str, &str)] = &[
    ("expected usize", "expected a whole number from 0 on"),
    ("expected u32", "expected a whole number from 0 on"),
    ("expected u64", "expected a whole number from 0 on"),
    ("expected i32", "expected a whole number"),
    ("expected f64", "expected a number"),
    ("expected a sequence", "expected a list"),
];

/// The message in words for people; that of an unknown name with the nearest known one: such a message has the name in
/// backticks first, and then the known ones.
fn explained(message: &str) -> String {
    let message = TYPES.iter().fold(message.trim_end().to_owned(), |text, (of, called)| text.replace(of, called));
    let mut names = message.split('`').skip(1).step_by(2);
    let Some(unknown) = names.next() else { return message };
    let short = SHORT_KEYS.iter().filter(|_| message.starts_with("unknown field"));
    // A short form is one on the command line alone.
    if let Some((_, long)) = short.clone().find(|(key, _)| *key == unknown) {
        return format!("{message}; did you mean `{long}`?");
    }
    match nearest(unknown, names.chain(short.map(|(key, _)| *key))) {
        Some(known) => format!("{message}; did you mean `{known}`?"),
        None => message,
    }
}

/// The nearest of some names, where one is near.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let far = |candidate: &&str| strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase());
    known.min_by_key(far).filter(|candidate| far(candidate) <= (name.len() / 3).max(1) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(overrides: &[&str]) -> String {
        FitConfig::resolve("", overrides).expect_err("refused").to_string()
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        assert!(refused(&["training.epoch=3"]).contains("did you mean `epochs`"));
        assert!(refused(&["epocs=3"]).contains("did you mean `epochs`"), "{}", refused(&["epocs=3"]));
        assert!(refused(&["modle.latent=3"]).contains("did you mean `model`"));
        assert!(refused(&["likelihood=bernouli"]).contains("did you mean `bernoulli`"));
        assert!(refused(&["epochs=many"]).contains("training.epochs"), "{}", refused(&["epochs=many"]));
        assert!(refused(&["latent"]).contains("key=value"));
        assert!(refused(&["seed.x=3", "seed=1", "seed.y=2"]).contains("seed"));
    }

    #[test]
    fn a_short_form_where_there_is_none_names_the_whole_key() {
        let of_file = |text: &str| FitConfig::from_toml(text).expect_err("refused").to_string();
        assert!(of_file("latent = [3]").contains("did you mean `model.latent`"), "{}", of_file("latent = [3]"));
        assert!(refused(&["model.rate=1"]).contains("did you mean `training.rate`"));
    }

    #[test]
    fn options_need_a_name_before_or_after_them() {
        let refusal = refused(&["model.likelihood.scale=0.1"]);
        assert!(refusal.contains("`model.likelihood` has options and no name"), "{refusal}");
        let of = |overrides: &[&str]| FitConfig::resolve("", overrides).expect("read").model.likelihood;
        let (before, after) = (
            ["likelihood=gaussian", "model.likelihood.scale=0.1"],
            ["model.likelihood.scale=0.1", "likelihood=gaussian"],
        );
        assert_eq!(of(&before), of(&after));
    }

    #[test]
    fn a_bound_out_of_range_is_told_by_its_key() {
        let told = |overrides: &[&str]| {
            FitConfig::resolve("", overrides).expect("read").check().expect_err("refused").to_string()
        };
        assert_eq!(told(&["bound=iwae:0"]), "objective.bound is iwae:0: samples is 0; it must be at least 1");
        assert!(
            told(&["bound=sumo", "objective.encoder=miwae:0:3"])
                .starts_with("objective.encoder is miwae:0:3: groups is 0")
        );
    }

    #[test]
    fn types_are_called_by_words_for_people() {
        assert!(refused(&["latent=many"]).contains("expected a whole number"), "{}", refused(&["latent=many"]));
        assert!(refused(&["seed=-1"]).contains("expected a whole number from 0 on"));
        assert!(refused(&["rate=fast"]).contains("expected a number"), "{}", refused(&["rate=fast"]));
    }

    #[test]
    fn a_choice_with_options_may_be_its_name_alone() {
        use crate::data::{Binarise, Step};
        let data = |overrides: &[&str]| FitConfig::resolve("", overrides).expect("read").data;
        assert_eq!(data(&["binarise=threshold"]).binarise, Binarise::Threshold(0.5));
        assert_eq!(data(&["binarise=fixed"]).binarise, Binarise::Fixed { seed: 0 });
        let steps = Some(vec![Step::Dequantise { bin: 1.0 }, Step::Standardise]);
        assert_eq!(data(&["preprocess=dequantise,standardise"]).preprocess, steps);
        assert!(refused(&["preprocess=logit"]).contains("{ logit = { low = 0"));
        assert!(refused(&["binarise=treshold"]).contains("did you mean `threshold`"));
    }

    #[test]
    fn defaults_are_written_and_read_again() {
        let config = FitConfig::default();
        assert_eq!(FitConfig::from_toml(&config.to_toml()).expect("read"), config);
    }

    #[test]
    fn values_are_taken_as_they_are_meant() {
        let config = FitConfig::resolve("", &["latent=100,50", "likelihood=student-t", "rate=2e-3"]);
        let config = config.or_else(|_| FitConfig::resolve("", &["latent=100,50", "rate=2e-3"])).expect("read");
        assert_eq!((config.model.latent, config.training.rate), (vec![100, 50], 2e-3));
        let config = FitConfig::resolve("", &["likelihood=gaussian", "model.likelihood.scale=learned"]).expect("read");
        assert_eq!(config.model.likelihood.name(), "gaussian");
    }
}
