//! `module!`: makes the three symbols of a module.

/// Exports a module: `ser::module! { name: "print", cmds: &[...], params: &[...], init: Some(init) }`.
///
/// Every field of [`crate::core::module::ModuleExports`] but `name` may be left out.
#[macro_export]
macro_rules! module {
    (name: $name:expr $(, $field:ident : $value:expr)* $(,)?) => {
        #[doc(hidden)]
        mod ser_module_symbols {
            #![allow(unsafe_code, non_upper_case_globals, missing_docs)]
            // SAFETY: the three names are the module's contract; each .so defines them once.
            #[unsafe(no_mangle)]
            pub static module_version: $crate::core::module::version::ModuleText =
                $crate::core::module::version::MODULE_VERSION;
            // SAFETY: as above.
            #[unsafe(no_mangle)]
            pub static module_flags: $crate::core::module::version::ModuleText =
                $crate::core::module::version::MODULE_FLAGS;
        }
        #[doc(hidden)]
        #[allow(unsafe_code, non_upper_case_globals)]
        // SAFETY: as above.
        #[unsafe(no_mangle)]
        pub static exports: $crate::core::module::ModuleExports = $crate::core::module::ModuleExports {
            $($field: $value,)*
            ..$crate::core::module::ModuleExports::empty($name)
        };
    };
}
