/// Writes `Debug` for enums of tuple variants. A derived one would ask for `L: Debug`, and a link
/// has nothing to say.
macro_rules! debug_variants {
    ($(
        impl[$($generics:tt)*] $name:ident<$($arg:ident),+> {
            $( $variant:ident($($field:ident),+) ),+ $(,)?
        }
    )+) => {$(
        impl<$($generics)*> core::fmt::Debug for $name<$($arg),+> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self {
                    $( Self::$variant($($field),+) => {
                        f.debug_tuple(stringify!($variant))$(.field($field))+.finish()
                    } )+
                }
            }
        }
    )+};
}

pub(crate) use debug_variants;
