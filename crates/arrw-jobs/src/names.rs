//! Texts and plans that many jobs share, as small numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Values with a number each, from 0, and a digest each. They stay until the view is made again.
#[derive(Clone, Debug)]
pub(crate) struct Names<T: ?Sized> {
    numbers: BTreeMap<Arc<T>, u32>,
    values: Vec<(Arc<T>, u64)>,
}

impl<T: ?Sized + Ord> Default for Names<T> {
    fn default() -> Self {
        Self { numbers: BTreeMap::new(), values: Vec::new() }
    }
}

impl<T: ?Sized + Ord> Names<T> {
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn find(&self, value: &T) -> Option<u32> {
        self.numbers.get(value).copied()
    }

    /// The number of a value, which gets one if it has none. `weigh` makes its digest.
    pub(crate) fn number(&mut self, value: &T, weigh: impl FnOnce() -> u64) -> u32
    where
        for<'a> &'a T: ToArc<T>,
    {
        if let Some(number) = self.find(value) {
            return number;
        }
        let number = u32::try_from(self.values.len()).expect("there are fewer than the limit");
        let value = value.to_arc();
        self.numbers.insert(Arc::clone(&value), number);
        self.values.push((value, weigh()));
        number
    }

    pub(crate) fn get(&self, number: u32) -> &Arc<T> {
        &self.values[number as usize].0
    }

    pub(crate) fn weight(&self, number: u32) -> u64 {
        self.values[number as usize].1
    }
}

/// How a borrowed value becomes one that is kept.
pub(crate) trait ToArc<T: ?Sized> {
    fn to_arc(self) -> Arc<T>;
}

impl ToArc<str> for &str {
    fn to_arc(self) -> Arc<str> {
        Arc::from(self)
    }
}

impl ToArc<crate::job::Plan> for &crate::job::Plan {
    fn to_arc(self) -> Arc<crate::job::Plan> {
        Arc::new(self.clone())
    }
}
