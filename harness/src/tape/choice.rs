//! One recorded choice, and the order in which the values of its range count as simple.

/// One recorded choice: a value in a range, with the simplest value of that range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Choice {
    /// Lowest possible value.
    pub min: i64,
    /// Highest possible value.
    pub max: i64,
    /// The value that shrinking goes to.
    pub simplest: i64,
    /// The value that was chosen.
    pub value: i64,
}

impl Choice {
    /// How many values lie before this one in the order of the range: 0 is the simplest value, then its neighbours
    /// by distance, the one above before the one below. Every value of the range has a rank of its own.
    pub fn rank(&self) -> u64 {
        let room = self.below().min(self.above());
        let distance = self.distance();
        if distance > room {
            room + distance
        } else if self.value > self.simplest {
            2 * distance - 1
        } else {
            2 * distance
        }
    }

    /// The value of the range with this rank; ranks past the last are that of the last.
    #[inline]
    pub fn at_rank(&self, rank: u64) -> i64 {
        let room = self.below().min(self.above());
        let rank = rank.min(self.last_rank());
        if rank.div_ceil(2) > room {
            let distance = rank - room;
            return if self.above() > self.below() { self.up(distance) } else { self.down(distance) };
        }
        if rank % 2 == 1 { self.up(rank.div_ceil(2)) } else { self.down(rank / 2) }
    }

    /// The rank of the value that counts as least simple: one less than the number of values.
    #[inline]
    pub fn last_rank(&self) -> u64 {
        self.max.abs_diff(self.min)
    }

    /// How far the value is from the simplest.
    pub fn distance(&self) -> u64 {
        self.value.abs_diff(self.simplest)
    }

    /// The value at this distance from the simplest on the side of the present value, if it is in the range.
    pub fn at_distance(&self, distance: u64) -> Option<i64> {
        let above = self.value >= self.simplest;
        let room = if above { self.above() } else { self.below() };
        (distance <= room).then(|| if above { self.up(distance) } else { self.down(distance) })
    }

    /// Whether the value is in the range.
    #[inline]
    pub fn holds(&self, value: i64) -> bool {
        (self.min..=self.max).contains(&value)
    }

    /// Whether there is only one value: the choice is recorded for alignment alone.
    #[inline]
    pub fn is_forced(&self) -> bool {
        self.min == self.max
    }

    /// Whether it is the simplest value.
    pub fn is_simplest(&self) -> bool {
        self.value == self.simplest
    }

    fn above(&self) -> u64 {
        self.max.abs_diff(self.simplest)
    }

    fn below(&self) -> u64 {
        self.simplest.abs_diff(self.min)
    }

    fn up(&self, distance: u64) -> i64 {
        self.simplest.wrapping_add_unsigned(distance)
    }

    fn down(&self, distance: u64) -> i64 {
        self.simplest.wrapping_sub_unsigned(distance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(min: i64, max: i64, simplest: i64, value: i64) -> Choice {
        Choice { min, max, simplest, value }
    }

    #[test]
    fn ranks_go_out_from_the_simplest_value() {
        let order: Vec<i64> = (0..7).map(|rank| choice(-2, 4, 0, 0).at_rank(rank)).collect();
        assert_eq!(order, [0, 1, -1, 2, -2, 3, 4]);
        let order: Vec<i64> = (0..7).map(|rank| choice(-4, 2, 0, 0).at_rank(rank)).collect();
        assert_eq!(order, [0, 1, -1, 2, -2, -3, -4]);
    }

    #[test]
    fn a_rank_and_its_value_belong_together() {
        for (min, max, simplest) in [(0, 9, 0), (-5, 5, 5), (3, 8, 3), (-7, 1, -1), (-128, 127, 0), (4, 4, 4)]
        {
            for value in min..=max {
                let one = choice(min, max, simplest, value);
                assert_eq!(one.at_rank(one.rank()), value, "{one:?}");
            }
        }
    }

    #[test]
    fn the_whole_width_of_64_bits_has_ranks() {
        let low = choice(i64::MIN, i64::MAX, 0, i64::MIN);
        assert_eq!(low.rank(), u64::MAX);
        assert_eq!(low.at_rank(u64::MAX), i64::MIN);
        assert_eq!(choice(i64::MIN, i64::MAX, i64::MIN, i64::MAX).rank(), u64::MAX);
    }
}
