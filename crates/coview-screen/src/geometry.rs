use core::fmt;

/// Width and height of a frame, in pixels.
///
/// A frame has 1 to [`Size::MAX`] pixels each way and at most [`Size::MAX_PIXELS`] in all; that is
/// checked where frames are made.
///
/// ```
/// use coview_screen::Size;
///
/// assert!(Size::new(7680, 4320).is_valid());
/// assert!(!Size::new(8192, 8192).is_valid());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size {
    /// Pixels from left to right.
    pub width: u16,
    /// Pixels from top to bottom.
    pub height: u16,
}

impl Size {
    /// The most pixels a frame has in either direction.
    pub const MAX: u16 = 8192;

    /// The most pixels a frame has in all, 2^25: a screen of 7680 × 4320 has somewhat less. What a
    /// stranger's update can cost whoever watches grows with it.
    pub const MAX_PIXELS: usize = 1 << 25;

    /// The size with this width and height.
    #[must_use]
    pub const fn new(width: u16, height: u16) -> Self {
        Self { width, height }
    }

    /// Whether a frame may have this size: 1 to [`Size::MAX`] pixels each way, and at most
    /// [`Size::MAX_PIXELS`].
    #[must_use]
    pub const fn is_valid(self) -> bool {
        0 < self.width
            && self.width <= Self::MAX
            && 0 < self.height
            && self.height <= Self::MAX
            && self.pixels() <= Self::MAX_PIXELS
    }

    /// How many pixels there are in all.
    #[must_use]
    pub const fn pixels(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// The rectangle that covers everything.
    ///
    /// ```
    /// use coview_screen::{Rect, Size};
    ///
    /// assert_eq!(Size::new(640, 480).rect(), Rect::new(0, 0, 640, 480));
    /// ```
    #[must_use]
    pub const fn rect(self) -> Rect {
        Rect { x: 0, y: 0, width: self.width, height: self.height }
    }
}

impl fmt::Debug for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// A rectangle of pixels. `x` grows to the right, `y` downwards; the right and the lower edge are
/// outside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rect {
    /// The left column.
    pub x: u16,
    /// The upper row.
    pub y: u16,
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

impl Rect {
    /// The rectangle with this corner and extent.
    #[must_use]
    pub const fn new(x: u16, y: u16, width: u16, height: u16) -> Self {
        Self { x, y, width, height }
    }

    /// Whether there is no pixel in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// How many pixels there are in it.
    #[must_use]
    pub const fn pixels(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// The first column right of it. More than a `u16` holds is possible, so it is wider.
    #[must_use]
    pub const fn right(self) -> usize {
        self.x as usize + self.width as usize
    }

    /// The first row below it.
    #[must_use]
    pub const fn bottom(self) -> usize {
        self.y as usize + self.height as usize
    }

    /// Whether it lies within a frame of this size as a whole.
    #[must_use]
    pub const fn is_within(self, size: Size) -> bool {
        self.right() <= size.width as usize && self.bottom() <= size.height as usize
    }

    /// The part that two rectangles have in common; empty if there is none.
    ///
    /// ```
    /// use coview_screen::Rect;
    ///
    /// let a = Rect::new(0, 0, 10, 10);
    /// assert_eq!(a.intersection(Rect::new(8, 5, 10, 10)), Rect::new(8, 5, 2, 5));
    /// assert!(a.intersection(Rect::new(10, 0, 5, 5)).is_empty());
    /// ```
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        let x = self.x.max(other.x);
        let y = self.y.max(other.y);
        let right = self.right().min(other.right());
        let bottom = self.bottom().min(other.bottom());
        let extent = |from: u16, to: usize| {
            u16::try_from(to.saturating_sub(usize::from(from))).unwrap_or(u16::MAX)
        };
        let (width, height) = (extent(x, right), extent(y, bottom));
        if width == 0 || height == 0 { Self::default() } else { Self { x, y, width, height } }
    }

    /// The part that lies within a frame of this size; empty if there is none.
    #[must_use]
    pub fn clamped(self, size: Size) -> Self {
        self.intersection(size.rect())
    }

    /// Whether the pixel at this column and row is in it.
    #[must_use]
    pub const fn contains(self, x: u16, y: u16) -> bool {
        self.x <= x && (x as usize) < self.right() && self.y <= y && (y as usize) < self.bottom()
    }
}

impl fmt::Debug for Rect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}+{}+{}", self.width, self.height, self.x, self.y)
    }
}

impl fmt::Display for Rect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}+{}+{}", self.width, self.height, self.x, self.y)
    }
}
