//! Weights: how a campaign's time is shared out among its cells.
//!
//! `frame=3` for a property on all targets, `@boto3=2` for all properties on a target, `frame@boto3=5` for one cell. The
//! weight of a cell is the product of all that name it; what none names has weight 1.

use std::str::FromStr;
use std::time::Duration;

/// A weight of some cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weight {
    /// The property's id; nothing for all.
    pub property: Option<String>,
    /// The target's name; nothing for all.
    pub target: Option<String>,
    /// From 1 to 1000.
    pub times: u32,
}

impl FromStr for Weight {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is no weight: say frame=3, @boto3=2 or frame@boto3=5, from 1 to 1000");
        let (cells, times) = text.rsplit_once('=').ok_or_else(wrong)?;
        let times: u32 = times.parse().map_err(|_| wrong())?;
        let (property, target) = cells.split_once('@').unwrap_or((cells, ""));
        if (property.is_empty() && target.is_empty()) || !(1..=1_000).contains(&times) {
            return Err(wrong());
        }
        let named = |word: &str| (!word.is_empty()).then(|| word.to_owned());
        Ok(Self { property: named(property), target: named(target), times })
    }
}

/// The weights of a campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weights(pub Vec<Weight>);

impl Weights {
    /// The weight of a property on a target.
    pub fn of(&self, property: &str, target: &str) -> f64 {
        let names = |weight: &&Weight| {
            weight.property.as_deref().is_none_or(|id| id == property)
                && weight.target.as_deref().is_none_or(|name| name == target)
        };
        self.0.iter().filter(names).map(|weight| f64::from(weight.times)).product()
    }

    /// The weight of all these properties on a target together.
    pub fn of_target<'a>(&self, properties: impl Iterator<Item = &'a str>, target: &str) -> f64 {
        properties.map(|property| self.of(property, target)).sum()
    }
}

/// The first one's share of the time that is left, where these are the weights of it and of all after it.
pub fn share(left: Duration, weights: &[f64]) -> Duration {
    let all: f64 = weights.iter().sum();
    match weights.first() {
        Some(first) if all > 0.0 => left.mul_f64(first / all),
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weight_of_a_cell_is_the_product_of_all_that_name_it() {
        let weights = ["frame=3", "@boto3=2", "frame@boto3=5"].map(|text| text.parse().expect("a weight"));
        let weights = Weights(weights.to_vec());
        assert_eq!(weights.of("frame", "boto3"), 30.0);
        assert_eq!(weights.of("frame", "control"), 3.0);
        assert_eq!(weights.of("guard", "boto3"), 2.0);
        assert_eq!(weights.of("guard", "control"), 1.0);
        assert_eq!(weights.of_target(["frame", "guard"].into_iter(), "control"), 4.0);
    }

    #[test]
    fn a_target_may_have_signs_in_its_name() {
        let weight: Weight = "frame@python3 a=b.py=7".parse().expect("a weight");
        assert_eq!(weight.target.as_deref(), Some("python3 a=b.py"));
    }

    #[test]
    fn what_is_no_weight_is_told_with_an_example() {
        for bad in ["frame", "=3", "@=3", "frame=0", "frame=-1", "frame=x", "frame=1001"] {
            assert!(bad.parse::<Weight>().is_err_and(|words| words.contains("frame@boto3=5")), "{bad}");
        }
    }

    #[test]
    fn time_is_shared_out_by_weight() {
        let minute = Duration::from_secs(60);
        assert_eq!(share(minute, &[3.0, 1.0, 2.0]), Duration::from_secs(30));
        assert_eq!(share(minute, &[2.0]), minute);
        assert_eq!(share(minute, &[]), Duration::ZERO);
    }
}
