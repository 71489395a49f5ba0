//! How a row becomes a struct, and how an id is bound and read. Must not know a table.
//!
//! sqlx's derives would do the same, but compile both database drivers a second time, for the compiler
//! (`docs/decisions/0002-one-sql-text-for-two-engines.md`).

/// A struct that is read from a row of either engine, each field from the column of its name. `struct B + a: A` has one
/// more field, `a`, which is read from the same row.
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident $(+ $part:ident: $part_type:ty)? {
        $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty,)+
    }) => {
        $(#[$meta])*
        $vis struct $name {
            $($part: $part_type,)?
            $($(#[$field_meta])* $field_vis $field: $type,)+
        }

        impl<'r, R: sqlx::Row> sqlx::FromRow<'r, R> for $name
        where
            &'static str: sqlx::ColumnIndex<R>,
            $($part_type: sqlx::FromRow<'r, R>,)?
            $($type: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,)+
        {
            fn from_row(row: &'r R) -> sqlx::Result<Self> {
                Ok(Self { $($part: sqlx::FromRow::from_row(row)?,)? $($field: row.try_get(stringify!($field))?,)+ })
            }
        }
    };
}

/// Binds and reads a one-field struct as its field.
macro_rules! transparent {
    ($name:ident($inner:ty)) => {
        impl<D: sqlx::Database> sqlx::Type<D> for $name
        where
            $inner: sqlx::Type<D>,
        {
            fn type_info() -> D::TypeInfo {
                <$inner>::type_info()
            }

            fn compatible(ty: &D::TypeInfo) -> bool {
                <$inner>::compatible(ty)
            }
        }

        impl<'q, D: sqlx::Database> sqlx::Encode<'q, D> for $name
        where
            $inner: sqlx::Encode<'q, D>,
        {
            fn encode_by_ref(
                &self,
                buffer: &mut D::ArgumentBuffer,
            ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
                self.0.encode_by_ref(buffer)
            }

            fn produces(&self) -> Option<D::TypeInfo> {
                self.0.produces()
            }
        }

        impl<'r, D: sqlx::Database> sqlx::Decode<'r, D> for $name
        where
            $inner: sqlx::Decode<'r, D>,
        {
            fn decode(value: D::ValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
                <$inner as sqlx::Decode<'r, D>>::decode(value).map(Self)
            }
        }
    };
}
