//! How much memory a configuration takes, told before it is taken.

use crate::objective::{ConfigError, DecoderLoss, Matching};
use pullback::DType;

/// The largest array of a training step or of an evaluation that is allowed, in bytes: 8 GiB.
///
/// A failed allocation ends the process. Sizes beyond every use are refused with a [`ConfigError::TooLarge`] instead;
/// a run within the limit can still ask for more than the machine has.
pub const LARGEST_ARRAY: u64 = 8 << 30;

impl Matching {
    /// Whether an evaluation that holds so many rows at a time, each one sample of one example, stays below
    /// [`LARGEST_ARRAY`].
    ///
    /// ```
    /// use latents::dist::target;
    /// use latents::objective::{ConfigError, Matching};
    /// let matching = Matching::upper(target("funnel").ok_or("no such target")?, 100);
    /// matching.check_rows("evaluation samples", 65_536)?;
    /// let refused = matching.check_rows("evaluation samples", 1 << 32);
    /// assert!(matches!(refused, Err(ConfigError::TooLarge { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError::TooLarge`].
    pub fn check_rows(&self, name: &str, rows: usize) -> Result<(), ConfigError> {
        self.fits(&[(name, rows), self.widest()])
    }

    /// How many numbers the weights of both networks are; at most `u64::MAX` is told.
    pub fn parameters(&self) -> u64 {
        let layers = self.layers().into_iter().map(|[(_, inputs), (_, outputs)]| {
            let (inputs, outputs) = (inputs as u64, outputs as u64);
            inputs.saturating_add(1).saturating_mul(outputs)
        });
        layers.fold(0, u64::saturating_add)
    }

    /// The weights and the activations of a step.
    pub(crate) fn check_memory(&self) -> Result<(), ConfigError> {
        for sizes in self.layers() {
            self.fits(&sizes)?;
        }
        let samples = match self.decoder_loss {
            DecoderLoss::Upper { samples } | DecoderLoss::Iwae { samples } => ("samples", samples),
            DecoderLoss::Sumo(sumo) => ("min_terms", sumo.min_terms as usize),
        };
        self.fits(&[("batch_size", self.batch_size), samples, self.widest()])
    }

    /// The sizes of every weight matrix, by name; a network's two heads are two matrices.
    fn layers(&self) -> Vec<[(&'static str, usize); 2]> {
        let (latent, dim) = (("latent_dim", self.latent_dim), ("the target's dimension", self.target.dim()));
        let mut layers = Vec::new();
        for (from, to) in [(dim, latent), (latent, dim)] {
            let mut last = from;
            for &n in &self.hidden {
                layers.push([last, ("hidden", n)]);
                last = ("hidden", n);
            }
            layers.extend([[last, to]; 2]);
        }
        layers
    }

    /// The widest row of a network.
    fn widest(&self) -> (&'static str, usize) {
        let hidden = self.hidden.iter().map(|&n| ("hidden", n));
        let ends = [("latent_dim", self.latent_dim), ("the target's dimension", self.target.dim())];
        hidden.chain(ends).max_by_key(|(_, n)| *n).unwrap_or(ends[0])
    }

    /// Whether an array of those sizes is allowed.
    fn fits(&self, sizes: &[(&str, usize)]) -> Result<(), ConfigError> {
        let width: u64 = if self.dtype == DType::F64 { 8 } else { 4 };
        let bytes = sizes.iter().fold(width, |bytes, (_, n)| bytes.saturating_mul(*n as u64));
        if bytes <= LARGEST_ARRAY {
            return Ok(());
        }
        let named: Vec<String> = sizes.iter().map(|(name, n)| format!("{name} {n}")).collect();
        Err(ConfigError::TooLarge { what: named.join(" × "), bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::target;
    use pullback::{Key, leaves};

    fn small() -> Matching {
        Matching { hidden: vec![8, 5], latent_dim: 3, ..Matching::upper(target("neal").expect("a target"), 10) }
    }

    #[test]
    fn parameters_are_those_that_init_makes() {
        let matching = small();
        let made = leaves(&matching.init(Key::new(0)).model);
        let made: usize = made.iter().map(|l| l.tensor.shape().known().expect("sizes").iter().product::<usize>()).sum();
        assert_eq!(matching.parameters(), made as u64);
    }

    #[test]
    fn sizes_beyond_every_use_are_named() {
        let of = |m: Matching| m.check().expect_err("too large").to_string();
        let said = of(Matching { batch_size: 65_536, decoder_loss: DecoderLoss::Upper { samples: 65_536 }, ..small() });
        assert!(
            said.contains("batch_size 65536 × samples 65536 × the target's dimension 10: an array of 160 GiB"),
            "{said}"
        );
        let said = of(Matching { hidden: vec![65_536], latent_dim: 65_536, ..small() });
        assert!(said.contains("hidden 65536 × latent_dim 65536: an array of 16 GiB"), "{said}");
        let said = of(Matching { hidden: vec![usize::MAX], latent_dim: usize::MAX, ..small() });
        assert!(said.contains("GiB"), "{said}");
        assert_eq!(Matching { hidden: vec![65_536], latent_dim: 1024, ..small() }.check(), Ok(()));
    }

    #[test]
    fn numbers_that_vanish_are_refused() {
        let refused = |f: fn(&mut Matching)| {
            let mut m = small();
            f(&mut m);
            matches!(m.check(), Err(ConfigError::Precision { least, .. }) if least > 0.0)
        };
        assert!(refused(|m| m.decoder_update.clip = Some(1e-300)));
        assert!(refused(|m| m.encoder_update.clip = Some(1e300)));
        assert!(refused(|m| m.gap_penalty = 1e-300));
        assert!(refused(|m| *m = m.clone().with_rate(crate::optim::Schedule::Constant(1e-300))));
        let in_f64 = Matching { dtype: DType::F64, ..small() };
        assert_eq!(in_f64.with_rate(crate::optim::Schedule::Constant(1e-300)).check(), Ok(()));
    }
}
