//! A writer of lossless WebP (VP8L) for pictures of screens: palettes with several pixels in a
//! byte, matches in two dimensions. It takes one pass and no search, so that it keeps pace with a screen;
//! any WebP decoder reads the result. A cache of colours would save 8 % of the bytes of a whole picture
//! and cost 15 % more time.
//!
//! The names follow the specification, "WebP Lossless Bitstream".

/// How the pixels of an image are turned into symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Flat colours and sharp edges: matches.
    Drawn,
    /// Colours that change from pixel to pixel: what differs from the neighbours.
    Photo,
}

/// Tables that are kept between images, so that they are not allocated for each.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The last place of each hash of a few symbols, plus one; zero where there was none.
    places: Vec<u32>,
    tokens: Vec<Token>,
    bytes: Vec<u8>,
    residues: Vec<u32>,
    palette: Palette,
}

impl Workspace {
    pub(crate) fn new() -> Self {
        Self {
            places: Vec::new(),
            tokens: Vec::new(),
            bytes: Vec::new(),
            residues: Vec::new(),
            palette: Palette::new(),
        }
    }

    /// Collects the colours of an image; false if there are more than a palette holds.
    pub(crate) fn collect_palette(&mut self, pixels: &[u32]) -> bool {
        self.palette.collect(pixels)
    }

    /// The colours of the last image for which [`collect_palette`](Self::collect_palette) was true.
    #[cfg(test)]
    pub(crate) fn colors(&self) -> &[u32] {
        &self.palette.colors
    }

    /// Writes the image that [`collect_palette`](Self::collect_palette) was just true for.
    pub(crate) fn write_indexed(&mut self, pixels: &[u32], width: usize) -> Vec<u8> {
        self.palette.sort();
        let count = self.palette.colors.len();
        let bits: usize = match count {
            0..=2 => 1,
            3..=4 => 2,
            5..=16 => 4,
            _ => 8,
        };
        let per_byte = 8 / bits;
        let packed_width = width.div_ceil(per_byte);
        self.bytes.clear();
        for row in pixels.chunks_exact(width) {
            self.palette.pack(row, bits, &mut self.bytes);
        }

        let mut out = header(width, pixels.len() / width);
        out.bits(0b1, 1); // a transform follows
        out.bits(3, 2); // colour indexing
        out.bits(as_u32(count - 1), 8);
        // The colour table is an image of one row, each colour as the difference to the one before.
        self.tokens.clear();
        let mut before = 0;
        for &color in &self.palette.colors {
            self.tokens.push(Token::Literal(difference(color, before)));
            before = color;
        }
        out.bits(0, 1); // no colour cache
        write_tokens(&mut out, &self.tokens);
        out.bits(0, 1); // no more transforms

        self.tokens.clear();
        find_matches(&self.bytes, packed_width, &mut self.places, &mut self.tokens, |&byte| {
            Token::Literal(OPAQUE | (u32::from(byte) << 8))
        });
        out.bits(0, 1); // no colour cache
        out.bits(0, 1); // one group of prefix codes
        write_tokens(&mut out, &self.tokens);
        finish(out)
    }

    /// Writes an image with any number of colours.
    pub(crate) fn write_full(&mut self, pixels: &[u32], width: usize, kind: Kind) -> Vec<u8> {
        let mut out = header(width, pixels.len() / width);
        match kind {
            Kind::Drawn => {
                out.bits(0, 1); // no transform
                self.tokens.clear();
                find_matches(pixels, width, &mut self.places, &mut self.tokens, |&pixel| {
                    Token::Literal(pixel)
                });
                out.bits(0, 1); // no colour cache
                out.bits(0, 1); // one group of prefix codes
                write_tokens(&mut out, &self.tokens);
            }
            Kind::Photo => {
                out.bits(0b1, 1); // a transform follows
                out.bits(2, 2); // subtract green
                out.bits(0b1, 1); // a transform follows
                out.bits(0, 2); // predictor
                out.bits(7, 3); // the largest blocks, 512 pixels wide
                out.bits(0, 1); // no colour cache
                // Every block has the same predictor, so its image needs no bits at all.
                write_simple_code(&mut out, &[PREDICTOR]);
                for _ in 0..4 {
                    write_simple_code(&mut out, &[0]);
                }
                out.bits(0, 1); // no more transforms
                predict(pixels, width, &mut self.residues);
                out.bits(0, 1); // no colour cache
                out.bits(0, 1); // one group of prefix codes
                write_residues(&mut out, &self.residues);
            }
        }
        finish(out)
    }
}

/// From the four bytes of a frame's pixel to alpha, red, green, blue from the highest byte down;
/// opaque whatever the fourth byte is.
pub(crate) const fn argb([r, g, b, _]: [u8; 4]) -> u32 {
    u32::from_be_bytes([255, r, g, b])
}

const OPAQUE: u32 = 0xff00_0000;
/// The average of the pixel to the left and the one above.
const PREDICTOR: u16 = 7;

/// Each channel by itself, without carry.
const fn difference(a: u32, b: u32) -> u32 {
    let even = (a | 0xff00_ff00).wrapping_sub(b & 0x00ff_00ff) & 0x00ff_00ff;
    let odd = (a | 0x00ff_00ff).wrapping_sub(b & 0xff00_ff00) & 0xff00_ff00;
    even | odd
}

const fn average(a: u32, b: u32) -> u32 {
    (((a ^ b) & 0xfefe_fefe) >> 1) + (a & b)
}

const fn subtract_green(pixel: u32) -> u32 {
    let green = (pixel >> 8) & 0xff;
    difference(pixel, green << 16 | green)
}

fn predict(pixels: &[u32], width: usize, residues: &mut Vec<u32>) {
    residues.clear();
    residues.reserve(pixels.len());
    let mut above: Vec<u32> = Vec::new();
    let mut now: Vec<u32> = Vec::with_capacity(width);
    for row in pixels.chunks_exact(width) {
        now.clear();
        now.extend(row.iter().map(|&pixel| subtract_green(pixel)));
        // The specification fixes the prediction along the two upper edges.
        residues.push(difference(now[0], above.first().copied().unwrap_or(OPAQUE)));
        let left = now.iter().zip(now.iter().skip(1));
        if above.is_empty() {
            residues.extend(left.map(|(&left, &pixel)| difference(pixel, left)));
        } else {
            residues.extend(
                left.zip(above.iter().skip(1))
                    .map(|((&left, &pixel), &above)| difference(pixel, average(left, above))),
            );
        }
        core::mem::swap(&mut above, &mut now);
    }
}

/// Writes residues one by one: they hardly ever repeat.
fn write_residues(out: &mut Bits, residues: &[u32]) {
    let mut green = [0_u32; 256 + LENGTHS];
    let mut red = [0_u32; 256];
    let mut blue = [0_u32; 256];
    for &residue in residues {
        // All pixels are opaque, so there is nothing in the highest byte.
        let [_, r, g, b] = residue.to_be_bytes();
        green[usize::from(g)] += 1;
        red[usize::from(r)] += 1;
        blue[usize::from(b)] += 1;
    }
    let green = Code::write(out, &green).words;
    let red = Code::write(out, &red).words;
    let blue = Code::write(out, &blue).words;
    write_simple_code(out, &[0]);
    write_simple_code(out, &[0]);
    for &residue in residues {
        let [_, r, g, b] = residue.to_be_bytes();
        let mut words = Words::default();
        words.push(green[usize::from(g)]);
        words.push(red[usize::from(r)]);
        words.push(blue[usize::from(b)]);
        out.bits64(words.bits, words.length);
    }
}

/// Up to 256 colours and the number of each.
#[derive(Debug)]
struct Palette {
    colors: Vec<u32>,
    /// Open addressing; a free slot holds zero, which no opaque colour is.
    slots: Vec<(u32, u8)>,
}

impl Palette {
    const MOST: usize = 256;
    const SLOT_BITS: u32 = 10;

    fn new() -> Self {
        Self { colors: Vec::with_capacity(Self::MOST), slots: vec![(0, 0); 1 << Self::SLOT_BITS] }
    }

    const fn slot(color: u32) -> usize {
        (color.wrapping_mul(0x9e37_79b1) >> (32 - Self::SLOT_BITS)) as usize
    }

    /// The slot of a colour, or the free one where it belongs.
    fn find(&self, color: u32) -> usize {
        let mut slot = Self::slot(color);
        while self.slots[slot].0 != color && self.slots[slot].0 != 0 {
            slot = (slot + 1) % self.slots.len();
        }
        slot
    }

    fn collect(&mut self, pixels: &[u32]) -> bool {
        self.colors.clear();
        self.slots.fill((0, 0));
        let mut before = 0;
        for &pixel in pixels {
            if pixel == before {
                continue;
            }
            before = pixel;
            let slot = self.find(pixel);
            if self.slots[slot].0 == 0 {
                if self.colors.len() == Self::MOST {
                    return false;
                }
                self.slots[slot].0 = pixel;
                self.colors.push(pixel);
            }
        }
        true
    }

    /// Neighbours in the table differ little then, which makes the table short.
    fn sort(&mut self) {
        self.colors.sort_unstable();
        for index in 0..self.colors.len() {
            let slot = self.find(self.colors[index]);
            self.slots[slot].1 = u8::try_from(index).unwrap_or(u8::MAX);
        }
    }

    fn pack(&self, row: &[u32], bits: usize, bytes: &mut Vec<u8>) {
        let (mut before, mut index) = (0, 0);
        let mut look_up = |pixel: u32| {
            if pixel != before {
                before = pixel;
                index = self.slots[self.find(pixel)].1;
            }
            index
        };
        if bits == 8 {
            bytes.extend(row.iter().map(|&pixel| look_up(pixel)));
            return;
        }
        for chunk in row.chunks(8 / bits) {
            let mut byte = 0;
            for (at, &pixel) in chunk.iter().enumerate() {
                byte |= look_up(pixel) << (at * bits);
            }
            bytes.push(byte);
        }
    }
}

/// What the decoder is told: a pixel, or pixels it has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Literal(u32),
    Match { length: u16, distance: u32 },
}

const LONGEST: usize = 4096;

/// Symbols among which matches are sought: bytes of indices, or whole pixels.
trait Symbol: Copy + PartialEq {
    /// The shortest match that pays.
    const SHORTEST: usize;

    /// A hash of the first symbols of the slice, which has at least [`Symbol::SHORTEST`].
    fn hash(symbols: &[Self]) -> u32;

    /// How many symbols two slices have in common from their beginning.
    fn common(a: &[Self], b: &[Self]) -> usize;
}

impl Symbol for u8 {
    const SHORTEST: usize = 4;

    fn hash(symbols: &[Self]) -> u32 {
        let word = symbols.first_chunk().map_or(0, |&bytes| u32::from_le_bytes(bytes));
        word.wrapping_mul(0x9e37_79b1)
    }

    fn common(a: &[Self], b: &[Self]) -> usize {
        let most = a.len().min(b.len());
        let mut same = equal_chunks::<_, 32>(a, b);
        while let (Some(a), Some(b)) =
            (a.get(same..).and_then(<[_]>::first_chunk), b.get(same..).and_then(<[_]>::first_chunk))
        {
            let differ = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
            if differ != 0 {
                return same + (differ.trailing_zeros() / 8) as usize;
            }
            same += 8;
        }
        while same < most && a[same] == b[same] {
            same += 1;
        }
        same
    }
}

impl Symbol for u32 {
    const SHORTEST: usize = 2;

    fn hash(symbols: &[Self]) -> Self {
        let [a, b] = symbols.first_chunk().copied().unwrap_or_default();
        (a.wrapping_mul(0x85eb_ca6b) ^ b).wrapping_mul(0x9e37_79b1)
    }

    fn common(a: &[Self], b: &[Self]) -> usize {
        let same = equal_chunks::<_, 8>(a, b);
        same + a[same..].iter().zip(&b[same..]).take_while(|(a, b)| a == b).count()
    }
}

/// How many symbols two slices have in common from their beginning, in steps of `N`.
fn equal_chunks<S: PartialEq, const N: usize>(a: &[S], b: &[S]) -> usize {
    let chunks = a.as_chunks::<N>().0.iter().zip(b.as_chunks::<N>().0);
    chunks.take_while(|(a, b)| a == b).count() * N
}

/// Walks over the symbols once. At each place three earlier ones are looked at: the one above, the
/// one to the left and the last with the same hash.
fn find_matches<S: Symbol>(
    symbols: &[S],
    width: usize,
    places: &mut Vec<u32>,
    tokens: &mut Vec<Token>,
    literal: impl Fn(&S) -> Token,
) {
    let bits = (usize::BITS - symbols.len().leading_zeros()).clamp(6, 14);
    places.clear();
    places.resize(1 << bits, 0);
    let place = |at: usize| (S::hash(&symbols[at..]) >> (32 - bits)) as usize;
    let hashable = symbols.len().saturating_sub(S::SHORTEST - 1);

    let mut at = 0;
    while at < symbols.len() {
        let ahead = &symbols[at..symbols.len().min(at + LONGEST)];
        let (mut length, mut distance) = (0, 0);
        if at >= width && symbols[at - width] == symbols[at] {
            length = S::common(ahead, &symbols[at - width..]);
            distance = width;
        }
        if length < ahead.len() && at > 0 && symbols[at - 1] == symbols[at] {
            let common = S::common(ahead, &symbols[at - 1..]);
            if common > length {
                (length, distance) = (common, 1);
            }
        }
        if at < hashable {
            let place = place(at);
            let earlier = places[place] as usize;
            places[place] = as_u32(at + 1);
            if earlier > 0 && length < 32 && symbols[earlier - 1] == symbols[at] {
                let common = S::common(ahead, &symbols[earlier - 1..]);
                // A far place costs more bits than a near one.
                if common > length + 1 {
                    (length, distance) = (common, at + 1 - earlier);
                }
            }
        }
        if length < S::SHORTEST {
            tokens.push(literal(&symbols[at]));
            at += 1;
            continue;
        }
        tokens.push(Token::Match {
            length: u16::try_from(length).unwrap_or(u16::MAX),
            distance: plane_code(distance, width),
        });
        // Long matches are runs and repeated rows: what is in them is found from their ends.
        for inner in (at + 1..at + length).take(16) {
            if inner < hashable {
                let place = place(inner);
                places[place] = as_u32(inner + 1);
            }
        }
        at += length;
    }
}

/// Distances to pixels nearby in two dimensions have the short codes.
fn plane_code(distance: usize, width: usize) -> u32 {
    const LUT: [u8; 128] = [
        96, 73, 55, 39, 23, 13, 5, 1, 255, 255, 255, 255, 255, 255, 255, 255, //
        101, 78, 58, 42, 26, 16, 8, 2, 0, 3, 9, 17, 27, 43, 59, 79, //
        102, 86, 62, 46, 32, 20, 10, 6, 4, 7, 11, 21, 33, 47, 63, 87, //
        105, 90, 70, 52, 37, 28, 18, 14, 12, 15, 19, 29, 38, 53, 71, 91, //
        110, 99, 82, 66, 48, 35, 30, 24, 22, 25, 31, 36, 49, 67, 83, 100, //
        115, 108, 94, 76, 64, 50, 44, 40, 34, 41, 45, 51, 65, 77, 95, 109, //
        118, 113, 103, 92, 80, 68, 60, 56, 54, 57, 61, 69, 81, 93, 104, 114, //
        119, 116, 111, 106, 97, 88, 84, 74, 72, 75, 85, 89, 98, 107, 112, 117,
    ];
    let (rows, columns) = (distance / width, distance % width);
    if columns <= 8 && rows < 8 {
        let code = LUT[rows * 16 + 8 - columns];
        if code != 255 {
            return u32::from(code) + 1;
        }
    } else if width - columns < 8 && rows < 7 {
        return u32::from(LUT[(rows + 1) * 16 + 8 + (width - columns)]) + 1;
    }
    as_u32(distance) + 120
}

/// A length or a distance as a symbol, further bits and how many they are.
const fn prefix(value: u32) -> (usize, u32, u32) {
    let value = value - 1;
    if value < 4 {
        return (value as usize, 0, 0);
    }
    let highest = value.ilog2();
    let second = (value >> (highest - 1)) & 1;
    let extra = highest - 1;
    ((2 * highest + second) as usize, value & ((1 << extra) - 1), extra)
}

const LENGTHS: usize = 24;
const DISTANCES: usize = 40;

/// Writes five prefix codes and the tokens in them.
fn write_tokens(out: &mut Bits, tokens: &[Token]) {
    let mut green = [0_u32; 256 + LENGTHS];
    let mut red = [0_u32; 256];
    let mut blue = [0_u32; 256];
    let mut alpha = [0_u32; 256];
    let mut distances = [0_u32; DISTANCES];
    for token in tokens {
        match *token {
            Token::Literal(pixel) => {
                let [a, r, g, b] = pixel.to_be_bytes();
                green[usize::from(g)] += 1;
                red[usize::from(r)] += 1;
                blue[usize::from(b)] += 1;
                alpha[usize::from(a)] += 1;
            }
            Token::Match { length, distance } => {
                green[256 + prefix(u32::from(length)).0] += 1;
                distances[prefix(distance).0] += 1;
            }
        }
    }
    let green = Code::write(out, &green);
    let red = Code::write(out, &red);
    let blue = Code::write(out, &blue);
    let alpha = Code::write(out, &alpha);
    let distances = Code::write(out, &distances);
    for token in tokens {
        match *token {
            Token::Literal(pixel) => {
                let [a, r, g, b] = pixel.to_be_bytes();
                let mut words = Words::default();
                words.push(green.words[usize::from(g)]);
                words.push(red.words[usize::from(r)]);
                words.push(blue.words[usize::from(b)]);
                words.push(alpha.words[usize::from(a)]);
                out.bits64(words.bits, words.length);
            }
            Token::Match { length, distance } => {
                let mut words = Words::default();
                let (symbol, extra, bits) = prefix(u32::from(length));
                words.push(green.words[256 + symbol]);
                words.push_bits(extra, bits);
                let (symbol, extra, bits) = prefix(distance);
                words.push(distances.words[symbol]);
                words.push_bits(extra, bits);
                out.bits64(words.bits, words.length);
            }
        }
    }
}

/// A prefix code: the bits of each symbol, and how many.
struct Code {
    words: Vec<Word>,
}

impl Code {
    /// Makes the best code for these frequencies and writes it.
    fn write(out: &mut Bits, frequencies: &[u32]) -> Self {
        let mut words = vec![Word::default(); frequencies.len()];
        let mut used = frequencies.iter().enumerate().filter(|&(_, &count)| count > 0);
        let [first, second, third] = [used.next(), used.next(), used.next()]
            .map(|symbol| symbol.map(|(symbol, _)| u16::try_from(symbol).unwrap_or(u16::MAX)));
        match (first, second, third) {
            (None, _, _) => write_simple_code(out, &[0]),
            (Some(only), None, _) if only < 256 => write_simple_code(out, &[only]),
            (Some(first), Some(second), None) if second < 256 => {
                write_simple_code(out, &[first, second]);
                words[usize::from(first)] = Word { bits: 0, length: 1 };
                words[usize::from(second)] = Word { bits: 1, length: 1 };
            }
            (Some(_), _, _) => {
                let lengths = code_lengths(frequencies, 15);
                write_lengths(out, &lengths);
                words = code_words(&lengths);
            }
        }
        Self { words }
    }
}

/// A code of one symbol, which then needs no bits, or of two.
fn write_simple_code(out: &mut Bits, symbols: &[u16]) {
    let Some((&first, rest)) = symbols.split_first() else { return };
    out.bits(1, 1); // simple
    out.bits(as_u32(rest.len()), 1);
    if first <= 1 {
        out.bits(0, 1);
        out.bits(u32::from(first), 1);
    } else {
        out.bits(1, 1);
        out.bits(u32::from(first), 8);
    }
    for &symbol in rest {
        out.bits(u32::from(symbol), 8);
    }
}

/// Writes the lengths of a code, themselves in a code.
fn write_lengths(out: &mut Bits, lengths: &[u8]) {
    const ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    // Symbol, further bits, how many.
    let mut runs: Vec<(u8, u32, u32)> = Vec::with_capacity(lengths.len());
    let end = lengths.iter().rposition(|&length| length > 0).map_or(0, |last| last + 1);
    let mut before = 8;
    let mut at = 0;
    while at < end {
        let length = lengths[at];
        let mut run = lengths[at..end].iter().take_while(|&&other| other == length).count();
        at += run;
        if length == 0 {
            while run >= 3 {
                let taken = run.min(138);
                if taken <= 10 {
                    runs.push((17, as_u32(taken - 3), 3));
                } else {
                    runs.push((18, as_u32(taken - 11), 7));
                }
                run -= taken;
            }
        } else {
            if length != before {
                runs.push((length, 0, 0));
                before = length;
                run -= 1;
            }
            while run >= 3 {
                let taken = run.min(6);
                runs.push((16, as_u32(taken - 3), 2));
                run -= taken;
            }
        }
        runs.extend(core::iter::repeat_n((length, 0, 0), run));
    }
    let mut frequencies = [0_u32; 19];
    for &(symbol, _, _) in &runs {
        frequencies[usize::from(symbol)] += 1;
    }
    let code = code_lengths(&frequencies, 7);
    let count =
        ORDER.iter().rposition(|&symbol| code[symbol] > 0).map_or(4, |last| last + 1).max(4);
    out.bits(0, 1); // not simple
    out.bits(as_u32(count - 4), 4);
    for &symbol in &ORDER[..count] {
        out.bits(u32::from(code[symbol]), 3);
    }
    if end < lengths.len() {
        // Two symbols or more are in use, and not side by side at the beginning with the same
        // length as before, so there are at least two runs.
        let most = as_u32(runs.len().saturating_sub(2));
        let bits = (32 - most.leading_zeros()).next_multiple_of(2).max(2);
        out.bits(1, 1); // how many follow is said
        out.bits(bits / 2 - 1, 3);
        out.bits(most, bits);
    } else {
        out.bits(0, 1);
    }
    // With a single symbol its code needs no bits.
    let words = if frequencies.iter().filter(|&&count| count > 0).count() == 1 {
        vec![Word::default(); 19]
    } else {
        code_words(&code)
    };
    for &(symbol, extra, bits) in &runs {
        out.code(words[usize::from(symbol)]);
        out.bits(extra, bits);
    }
}

/// The lengths of the best code in which no symbol has more than `limit` bits.
fn code_lengths(frequencies: &[u32], limit: u8) -> Vec<u8> {
    let mut lengths = vec![0; frequencies.len()];
    let mut leaves: Vec<(u32, u16)> = frequencies
        .iter()
        .zip(0..)
        .filter(|&(&count, _)| count > 0)
        .map(|(&count, symbol)| (count, symbol))
        .collect();
    if let [(_, only)] = leaves[..] {
        lengths[usize::from(only)] = 1;
        return lengths;
    }
    leaves.sort_unstable();
    let depths = depths(&leaves);

    // How many symbols have each length; what is too deep is lifted, and shallower ones make room.
    let limit = usize::from(limit);
    let mut counts = [0_u32; 16];
    for depth in depths {
        counts[usize::from(depth).min(limit)] += 1;
    }
    let mut room: u32 = (1..=limit).map(|length| counts[length] << (limit - length)).sum();
    while room > 1 << limit {
        let Some(shorter) = (1..limit).rev().find(|&length| counts[length] > 0) else { break };
        counts[shorter] -= 1;
        counts[shorter + 1] += 2;
        counts[limit] -= 1;
        room -= 1;
    }
    // The rarest symbols get the longest words.
    let mut rarest_first = leaves.iter();
    for length in (1..=limit).rev() {
        for &(_, symbol) in rarest_first.by_ref().take(counts[length] as usize) {
            lengths[usize::from(symbol)] = u8::try_from(length).unwrap_or(u8::MAX);
        }
    }
    lengths
}

/// The depths of leaves in Huffman's tree; the leaves come sorted, rarest first.
fn depths(leaves: &[(u32, u16)]) -> Vec<u8> {
    // Nodes made of two others come out sorted too, so two queues take the place of a heap.
    let count = leaves.len();
    let mut weights: Vec<u32> = Vec::with_capacity(count);
    let mut parents = vec![0_usize; 2 * count];
    let (mut leaf, mut inner) = (0, 0);
    for node in 0..count.saturating_sub(1) {
        let mut weight = 0;
        for _ in 0..2 {
            let take_leaf = match (leaves.get(leaf), weights.get(inner)) {
                (Some(leaf), Some(inner)) => leaf.0 <= *inner,
                (Some(_), None) => true,
                (None, _) => false,
            };
            if take_leaf {
                weight += leaves[leaf].0;
                parents[leaf] = node;
                leaf += 1;
            } else {
                weight += weights[inner];
                parents[count + inner] = node;
                inner += 1;
            }
        }
        weights.push(weight);
    }
    let mut inner_depths = vec![0_u8; count];
    for node in (0..count.saturating_sub(2)).rev() {
        inner_depths[node] = inner_depths[parents[count + node]] + 1;
    }
    parents[..count].iter().map(|&parent| inner_depths[parent] + 1).collect()
}

/// The words of a canonical code, first bit lowest.
fn code_words(lengths: &[u8]) -> Vec<Word> {
    let mut counts = [0_u16; 17];
    for &length in lengths {
        counts[usize::from(length)] += 1;
    }
    counts[0] = 0;
    let mut next = [0_u16; 17];
    for length in 1..17 {
        next[length] = (next[length - 1] + counts[length - 1]) << 1;
    }
    lengths
        .iter()
        .map(|&length| {
            if length == 0 {
                return Word::default();
            }
            let word = next[usize::from(length)];
            next[usize::from(length)] += 1;
            Word { bits: word.reverse_bits() >> (16 - u16::from(length)), length }
        })
        .collect()
}

/// Bits, lowest first, behind the header of the file.
struct Bits {
    /// Longer than what is written, so that whole words can be written at once.
    bytes: Vec<u8>,
    written: usize,
    buffer: u64,
    filled: u32,
}

impl Bits {
    /// Appends up to 56 bits.
    #[inline]
    fn bits64(&mut self, value: u64, count: u32) {
        self.buffer |= value << self.filled;
        self.filled += count;
        if self.bytes.len() < self.written + 8 {
            self.bytes.resize(self.bytes.len() * 2 + 64, 0);
        }
        self.bytes[self.written..self.written + 8].copy_from_slice(&self.buffer.to_le_bytes());
        let whole = self.filled / 8;
        self.written += whole as usize;
        self.buffer = self.buffer.checked_shr(whole * 8).unwrap_or(0);
        self.filled %= 8;
    }

    /// Appends up to 32 bits.
    fn bits(&mut self, value: u32, count: u32) {
        self.bits64(u64::from(value), count);
    }

    fn code(&mut self, Word { bits, length }: Word) {
        self.bits64(u64::from(bits), u32::from(length));
    }
}

/// A symbol in its code.
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    bits: u16,
    length: u8,
}

/// Several words on their way, up to 56 bits.
#[derive(Clone, Copy, Debug, Default)]
struct Words {
    bits: u64,
    length: u32,
}

impl Words {
    fn push(&mut self, word: Word) {
        self.push_bits(u32::from(word.bits), u32::from(word.length));
    }

    fn push_bits(&mut self, bits: u32, length: u32) {
        self.bits |= u64::from(bits) << self.length;
        self.length += length;
    }
}

const RIFF_BYTES: usize = 20;

fn header(width: usize, height: usize) -> Bits {
    let mut out = Bits { bytes: vec![0; 4096], written: RIFF_BYTES, buffer: 0, filled: 0 };
    out.bytes[..RIFF_BYTES].copy_from_slice(b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0");
    out.bits(0x2f, 8);
    out.bits(as_u32(width - 1), 14);
    out.bits(as_u32(height - 1), 14);
    out.bits(0, 1); // no transparency
    out.bits(0, 3); // version
    out
}

fn finish(out: Bits) -> Vec<u8> {
    // The bits that are left over are in the byte behind what is written.
    let end = out.written + usize::from(out.filled > 0);
    let mut bytes = out.bytes;
    bytes.truncate(end);
    let data = as_u32(bytes.len() - RIFF_BYTES);
    if bytes.len() % 2 == 1 {
        bytes.push(0);
    }
    let whole = as_u32(bytes.len() - 8);
    bytes[4..8].copy_from_slice(&whole.to_le_bytes());
    bytes[16..20].copy_from_slice(&data.to_le_bytes());
    bytes
}

/// Positions and lengths here are those of an image of a few hundred thousand pixels.
fn as_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::body::Format;
    use crate::frame::Frame;
    use crate::geometry::Size;
    use crate::unpack;

    fn decoded(bytes: &[u8], width: usize, height: usize) -> Vec<u32> {
        let size = Size::new(width.try_into().unwrap(), height.try_into().unwrap());
        let mut frame = Frame::blank(size).unwrap();
        unpack::draw(&mut frame, size.rect(), Format::WebP, bytes).unwrap();
        frame.pixels().as_chunks().0.iter().map(|&pixel| argb(pixel)).collect()
    }

    /// Pictures of a few colours, of many, with repetitions and without.
    fn images() -> impl Strategy<Value = (usize, Vec<u32>)> {
        (1_usize..70, 1_usize..50, 1_u32..400, any::<u32>(), 0_u32..6).prop_map(
            |(width, height, colors, seed, plainness)| {
                let mut state = seed | 1;
                let mut step = move || {
                    state ^= state << 13;
                    state ^= state >> 17;
                    state ^= state << 5;
                    state
                };
                let mut pixels: Vec<u32> = Vec::new();
                while pixels.len() < width * height {
                    let again = step() % 8 < plainness;
                    let distance = 1 + step() as usize % (3 * width);
                    if again && distance <= pixels.len() {
                        let run = 1 + step() as usize % 100;
                        for _ in 0..run {
                            pixels.push(pixels[pixels.len() - distance]);
                        }
                    } else {
                        pixels.push((step() % colors).wrapping_mul(0x0103_4501) | OPAQUE);
                    }
                }
                pixels.truncate(width * height);
                (width, pixels)
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: Some(Box::new(proptest::test_runner::FileFailurePersistence::Direct(
                concat!(env!("CARGO_MANIFEST_DIR"), "/../../proptest-regressions/screen.txt"),
            ))),
            ..ProptestConfig::default()
        })]

        #[test]
        fn another_decoder_reads_what_is_written((width, pixels) in images()) {
            let height = pixels.len() / width;
            let mut space = Workspace::new();
            for kind in [Kind::Drawn, Kind::Photo] {
                let bytes = space.write_full(&pixels, width, kind);
                prop_assert_eq!(decoded(&bytes, width, height), pixels.clone());
            }
            let distinct = pixels.iter().collect::<std::collections::BTreeSet<_>>().len();
            prop_assert_eq!(space.collect_palette(&pixels), distinct <= 256);
            if distinct <= 256 {
                prop_assert_eq!(space.colors().len(), distinct);
                let bytes = space.write_indexed(&pixels, width);
                prop_assert_eq!(decoded(&bytes, width, height), pixels);
            }
        }

        #[test]
        fn no_code_is_longer_than_its_limit(
            frequencies in prop::collection::vec(0_u32..2_000_000, 2..280), limit in 9_u8..=15,
        ) {
            let lengths = code_lengths(&frequencies, limit);
            let used = frequencies.iter().filter(|&&count| count > 0).count();
            let room: u32 = lengths.iter().filter(|&&l| l > 0).map(|&l| 1 << (15 - l)).sum();
            prop_assert!(lengths.iter().all(|&length| length <= limit));
            prop_assert_eq!(lengths.iter().filter(|&&length| length > 0).count(), used);
            prop_assert!(used < 2 || room == 1 << 15);
        }
    }
}
