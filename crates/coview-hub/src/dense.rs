//! A sorted map without half-empty nodes, for what there is one of for each visitor.

use alloc::vec::Vec;
use core::fmt;

/// So many entries a chunk holds at most.
const MOST: usize = 32;

/// A map in order of its keys, as a list of short sorted lists.
///
/// Connections, places and deadlines come with ascending keys. A B-tree of the standard library
/// splits its nodes in the middle, so ascending keys leave every node but the last half empty for
/// good; here a chunk that is full stays full. What is removed is given back: chunks are never empty,
/// grow together when they are sparse, and all but the last have at most four times the room they need.
#[derive(Clone)]
pub(crate) struct DenseMap<K, V> {
    chunks: Vec<Chunk<K, V>>,
    len: usize,
}

#[derive(Clone)]
struct Chunk<K, V> {
    /// The key of the first entry once more, so that a search for a chunk stays within one list.
    first: K,
    entries: Vec<(K, V)>,
}

/// Where an entry is, or would be: the chunk, and the place in it.
type At = (usize, usize);

impl<K: Ord + Clone, V> DenseMap<K, V> {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.find(key).ok().map(|(chunk, at)| &self.chunks[chunk].entries[at].1)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.find(key).ok().map(|at| self.value(at))
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.find(key).is_ok()
    }

    pub(crate) fn first_key_value(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.chunks.iter().flat_map(|chunk| &chunk.entries).map(|(key, value)| (key, value))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// Puts a value in; if the key has one, the newer one takes its place.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        match self.find(&key) {
            Ok(at) => *self.value(at) = value,
            Err(at) => drop(self.insert_at(at, key, value)),
        }
    }

    /// The value of a key, which gets one if it has none.
    pub(crate) fn get_or_insert_default(&mut self, key: &K) -> &mut V
    where
        V: Default,
    {
        let at = match self.find(key) {
            Ok(at) => at,
            Err(at) => self.insert_at(at, key.clone(), V::default()),
        };
        self.value(at)
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.find(key).ok().map(|at| self.remove_at(at).1)
    }

    pub(crate) fn pop_first(&mut self) -> Option<(K, V)> {
        (self.len > 0).then(|| self.remove_at((0, 0)))
    }

    fn value(&mut self, (chunk, at): At) -> &mut V {
        &mut self.chunks[chunk].entries[at].1
    }

    /// Where the entry with this key is, or where it has to go.
    fn find(&self, key: &K) -> Result<At, At> {
        let after = self.chunks.partition_point(|chunk| chunk.first <= *key);
        let chunk = after.saturating_sub(1);
        let entries = self.chunks.get(chunk).map_or(&[][..], |chunk| &chunk.entries);
        match entries.binary_search_by(|(it, _)| it.cmp(key)) {
            Ok(at) => Ok((chunk, at)),
            Err(at) => Err((chunk, at)),
        }
    }

    /// Puts an entry in where it belongs, and tells where it is then.
    fn insert_at(&mut self, (chunk, at): At, key: K, value: V) -> At {
        self.len += 1;
        let full = self.chunks.get(chunk).is_none_or(|chunk| chunk.entries.len() >= MOST);
        if !full {
            self.chunks[chunk].put(at, key, value);
            return (chunk, at);
        }
        if at < MOST && !self.chunks.is_empty() {
            // Keys that ascend up to one that came before its time fill the chunk before it.
            let from = if at > MOST / 4 * 3 { at } else { MOST / 2 };
            let entries = self.chunks[chunk].entries.split_off(from);
            self.chunks.insert(chunk + 1, Chunk { first: entries[0].0.clone(), entries });
            let (chunk, at) = if at > from { (chunk + 1, at - from) } else { (chunk, at) };
            self.chunks[chunk].put(at, key, value);
            return (chunk, at);
        }
        // Behind a full chunk, or the first of all.
        let next = (chunk + 1).min(self.chunks.len());
        match self.chunks.get_mut(next).filter(|chunk| chunk.entries.len() < MOST) {
            Some(chunk) => chunk.put(0, key, value),
            None => {
                // Keys that ascend will fill a new last chunk; to let it grow bit by bit would leave
                // holes of all sizes in the heap.
                let ascending = next > 0 && next == self.chunks.len();
                let mut entries = Vec::with_capacity(if ascending { MOST } else { 1 });
                entries.push((key.clone(), value));
                self.chunks.insert(next, Chunk { first: key, entries });
            }
        }
        (next, 0)
    }

    fn remove_at(&mut self, (chunk, at): At) -> (K, V) {
        self.len -= 1;
        let removed = self.chunks[chunk].entries.remove(at);
        let sparse = |chunks: &[Chunk<K, V>]| {
            chunks.iter().map(|it| it.entries.len()).sum::<usize>() <= MOST / 2
        };
        if self.chunks[chunk].entries.is_empty() {
            self.chunks.remove(chunk);
        } else if chunk > 0 && sparse(&self.chunks[chunk - 1..=chunk]) {
            self.join_with_next(chunk - 1);
        } else if chunk + 1 < self.chunks.len() && sparse(&self.chunks[chunk..=chunk + 1]) {
            self.join_with_next(chunk);
        } else {
            self.chunks[chunk].tidy();
        }
        give_back(&mut self.chunks);
        removed
    }

    fn join_with_next(&mut self, chunk: usize) {
        let next = self.chunks.remove(chunk + 1);
        self.chunks[chunk].entries.extend(next.entries);
        self.chunks[chunk].tidy();
    }
}

impl<K: Ord + Clone, V> Chunk<K, V> {
    fn put(&mut self, at: usize, key: K, value: V) {
        if at == 0 {
            self.first = key.clone();
        }
        let len = self.entries.len();
        if len == self.entries.capacity() {
            // Twice the room, as a list does by itself, but never more than a chunk may need.
            self.entries.reserve_exact(len.clamp(1, MOST - len));
        }
        self.entries.insert(at, (key, value));
    }

    /// Makes good what a removal has left.
    fn tidy(&mut self) {
        self.first = self.entries[0].0.clone();
        give_back(&mut self.entries);
    }
}

/// Half of the room goes when a quarter is in use. A few bytes are not worth it.
fn give_back<T>(list: &mut Vec<T>) {
    if list.capacity() > 4 && list.len() <= list.capacity() / 4 {
        list.shrink_to(list.capacity() / 2);
    }
}

impl<K, V> Default for DenseMap<K, V> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<K: Ord + Clone + fmt::Debug, V: fmt::Debug> fmt::Debug for DenseMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
impl<K, V> DenseMap<K, V> {
    /// For how many entries there is room, and for how many chunks.
    pub(crate) fn room(&self) -> (usize, usize) {
        (self.chunks.iter().map(|chunk| chunk.entries.capacity()).sum(), self.chunks.capacity())
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::format;

    use proptest::prelude::*;

    use super::*;

    impl<K: Ord + Clone, V> DenseMap<K, V> {
        fn check(&self) {
            let keys: Vec<_> = self.keys().collect();
            assert_eq!(keys.len(), self.len());
            assert!(keys.is_sorted_by(|a, b| a < b));
            for chunk in &self.chunks {
                assert!(chunk.first == chunk.entries[0].0);
                assert!(chunk.entries.len() <= MOST && chunk.entries.capacity() <= MOST);
            }
            for chunk in self.chunks.iter().rev().skip(1) {
                assert!(chunk.entries.capacity() <= 4 * chunk.entries.len());
            }
            assert!(self.chunks.capacity() <= 4 * self.chunks.len().max(1), "room for chunks");
        }
    }

    fn filled(keys: impl IntoIterator<Item = u64>) -> DenseMap<u64, u64> {
        let mut map = DenseMap::default();
        for key in keys {
            map.insert(key, key * 10);
            map.check();
        }
        map
    }

    /// Not all of it, so that the next who comes does not need room at once.
    #[test]
    fn half_of_the_room_goes_when_a_quarter_is_in_use() {
        let mut list: Vec<u64> = Vec::with_capacity(64);
        list.extend(0..17);
        give_back(&mut list);
        assert_eq!(list.capacity(), 64);
        list.pop();
        give_back(&mut list);
        assert_eq!((list.len(), list.capacity()), (16, 32));
        list.truncate(1);
        for room in [16, 8, 4, 4] {
            give_back(&mut list);
            assert_eq!(list.capacity(), room);
        }
    }

    #[test]
    fn ascending_keys_fill_every_chunk() {
        let map = filled(0..1_000);
        assert_eq!((map.len(), map.chunks.len()), (1_000, 1_000_usize.div_ceil(MOST)));
        assert_eq!(map.room().0, 1_000_usize.next_multiple_of(MOST));
    }

    #[test]
    fn ascending_keys_before_a_late_one_fill_every_chunk_too() {
        let map = filled([u64::MAX / 20].into_iter().chain(0..1_000));
        assert!(map.chunks.len() <= 1_001_usize.div_ceil(MOST) + 1, "{}", map.chunks.len());
    }

    #[test]
    fn a_few_entries_take_at_most_twice_the_room_they_need() {
        for len in 1..=MOST as u64 {
            assert_eq!(filled(0..len).room().0 as u64, len.next_power_of_two());
        }
    }

    /// How many entries are in each chunk.
    fn lengths(map: &DenseMap<u64, u64>) -> Vec<usize> {
        map.chunks.iter().map(|chunk| chunk.entries.len()).collect()
    }

    #[test]
    fn a_full_chunk_is_halved_but_for_a_key_of_its_last_quarter_which_fills_it() {
        for at in 0..MOST {
            let map = filled((0..MOST as u64).map(|key| 2 * key + 1).chain([2 * at as u64]));
            let first = match at {
                ..=16 => 17,
                17..=24 => 16,
                25.. => at + 1,
            };
            assert_eq!(lengths(&map), [first, MOST + 1 - first], "at {at}");
        }
    }

    #[test]
    fn behind_a_full_chunk_the_next_takes_what_it_has_room_for() {
        let mut map = filled((0..32).chain([100]));
        for key in (69..100).rev() {
            map.insert(key, 0);
            map.check();
        }
        assert_eq!(lengths(&map), [32, 32]);
        map.insert(68, 0);
        map.check();
        assert_eq!(lengths(&map), [32, 1, 32]);
    }

    #[test]
    fn two_chunks_become_one_when_half_of_one_is_left_whichever_lost_the_last() {
        for (first, then) in [(0..24, 32..56), (32..56, 0..24)] {
            let mut map = filled(0..64);
            for key in first.chain(then) {
                assert_eq!(map.chunks.len(), 2);
                map.remove(&key);
                map.check();
            }
            assert_eq!(lengths(&map), [16]);
        }
    }

    #[test]
    fn descending_and_scattered_keys_leave_less_than_half_of_it_empty() {
        for map in [filled((0..1_000).rev()), filled((0..1_000).map(|it| it * 7_919 % 1_000))] {
            assert_eq!(map.len(), 1_000);
            assert!(map.room().0 < 2_000, "{:?}", map.room());
        }
    }

    #[test]
    fn what_is_removed_is_given_back() {
        let mut map = filled(0..10_000);
        for key in (0..10_000).filter(|key| key % 100 != 0) {
            assert_eq!(map.remove(&key), Some(key * 10));
        }
        map.check();
        assert_eq!((map.len(), map.remove(&1), map.get(&100)), (100, None, Some(&1_000)));
        assert!(map.room().0 <= 200 && map.chunks.len() <= 12, "{:?}", map.room());
        for at in 0..100 {
            assert_eq!(map.pop_first(), Some((at * 100, at * 1_000)));
        }
        map.check();
        assert_eq!((map.pop_first(), map.room().0, map.first_key_value()), (None, 0, None));
        assert!(map.chunks.capacity() <= 4);
    }

    #[test]
    fn debug_tells_the_entries_as_a_map_does() {
        assert_eq!(format!("{:?}", filled(1..3)), "{1: 10, 2: 20}");
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Insert(u16),
        Default(u16),
        Remove(u16),
        Pop,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let key = 0..150_u16;
        let step = prop_oneof![
            4 => key.clone().prop_map(Step::Insert),
            1 => key.clone().prop_map(Step::Default),
            4 => key.prop_map(Step::Remove),
            1 => Just(Step::Pop),
        ];
        proptest::collection::vec(step, 0..200)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_is_the_map_of_the_standard_library(first in 0..150_u16, steps in steps()) {
            let mut map = DenseMap::default();
            let mut model = BTreeMap::new();
            for key in 0..first {
                map.insert(key, 0);
                model.insert(key, 0);
            }
            for (step, value) in steps.into_iter().zip(1_u32..) {
                match step {
                    Step::Insert(key) => {
                        map.insert(key, value);
                        model.insert(key, value);
                    }
                    Step::Default(key) => {
                        *map.get_or_insert_default(&key) += value;
                        *model.entry(key).or_default() += value;
                    }
                    Step::Remove(key) => prop_assert_eq!(map.remove(&key), model.remove(&key)),
                    Step::Pop => prop_assert_eq!(map.pop_first(), model.pop_first()),
                }
                map.check();
                prop_assert!(map.iter().eq(model.iter()));
                prop_assert_eq!(map.first_key_value(), model.first_key_value());
            }
            for key in 0..150 {
                prop_assert_eq!(map.get(&key), model.get(&key));
                prop_assert_eq!(map.get_mut(&key), model.get_mut(&key));
                prop_assert_eq!(map.contains_key(&key), model.contains_key(&key));
            }
        }
    }
}
