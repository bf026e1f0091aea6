//! The plain classes: frozen, compared by value, made with keywords only.

/// Declares a frozen class whose attributes are its fields; `new` gives it a keyword-only constructor.
macro_rules! record {
    ($(#[$doc:meta])* struct $name:ident { $($field:ident: $type:ty),+ $(,)? }) => {
        record!(@class $(#[$doc])* $name { $($field: $type),+ });

        #[pymethods]
        impl $name {
            fn __repr__(&self) -> String {
                $crate::records::repr(stringify!($name), &[$((stringify!($field), &self.$field)),+])
            }
        }
    };
    ($(#[$doc:meta])* new struct $name:ident { $($field:ident: $type:ty $(= $default:expr)?),+ $(,)? }) => {
        record!(@class $(#[$doc])* $name { $($field: $type),+ });

        #[pymethods]
        impl $name {
            #[new]
            #[pyo3(signature = (*, $($field $(= $default)?),+))]
            #[allow(clippy::too_many_arguments)] // one for each field, all named by the caller
            fn new($($field: $type),+) -> Self {
                Self { $($field),+ }
            }

            fn __repr__(&self) -> String {
                $crate::records::repr(stringify!($name), &[$((stringify!($field), &self.$field)),+])
            }
        }
    };
    (@class $(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),+ }) => {
        $(#[$doc])*
        #[pyclass(frozen, get_all, eq, hash, from_py_object, module = "tandem._engine")]
        #[derive(Clone, PartialEq, Eq, Hash)]
        #[allow(missing_docs)] // the stub describes the fields
        pub struct $name { $(pub $field: $type),+ }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.__repr__())
            }
        }
    };
}
pub(crate) use record;

/// `Name(field=value, ...)`
pub fn repr(name: &str, fields: &[(&str, &dyn std::fmt::Debug)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(field, value)| format!("{field}={value:?}")).collect();
    format!("{name}({})", fields.join(", "))
}
