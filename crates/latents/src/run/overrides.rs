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
        Table::try_into(table).map_err(|e: toml::de::Error| {
            let text = e.to_string();
            let place = text.lines().find(|line| line.starts_with("in `")).map(|line| format!(", {line}"));
            ConfigError::Toml(explained(e.message()) + &place.unwrap_or_default())
        })
    }

    /// The configuration as TOML text.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }
}

/// A value as TOML reads it, else as text; `4` and `4,2` where a list is wanted are lists.
fn of_text(key: &str, text: &str) -> Value {
    let parsed = |text: &str| format!("v = {text}").parse::<Table>().ok().and_then(|mut t| t.remove("v"));
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
            table.insert(dotted.to_owned(), value);
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

/// The message of an unknown name, with the nearest known one: such a message has the name in backticks first, and then
/// the known ones.
fn explained(message: &str) -> String {
    let message = message.trim_end();
    let mut names = message.split('`').skip(1).step_by(2);
    let Some(unknown) = names.next() else { return message.to_owned() };
    let short = SHORT_KEYS.iter().map(|(key, _)| *key).filter(|_| message.starts_with("unknown field"));
    match nearest(unknown, names.chain(short)) {
        Some(known) => format!("{message}; did you mean `{known}`?"),
        None => message.to_owned(),
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
