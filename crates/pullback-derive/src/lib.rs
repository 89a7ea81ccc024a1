//! `#[derive(Tree)]` for structs and enums whose parts are trees.

use proc_macro::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Fields, parse_macro_input, parse_quote};

/// Implements `pullback::Tree`: every field is visited under its name (a tuple's under its number).
#[proc_macro_derive(Tree)]
pub fn derive_tree(input: TokenStream) -> TokenStream {
    let mut input = parse_macro_input!(input as DeriveInput);
    for param in input.generics.type_params_mut() {
        param.bounds.push(parse_quote!(::pullback::Tree));
    }
    let name = &input.ident;
    let arms = match &input.data {
        Data::Struct(data) => vec![arm(quote!(Self), &data.fields, None)],
        Data::Enum(data) => data
            .variants
            .iter()
            .enumerate()
            .map(|(i, v)| {
                let variant = &v.ident;
                arm(quote!(Self::#variant), &v.fields, Some(i))
            })
            .collect(),
        Data::Union(_) => {
            return syn::Error::new_spanned(name, "a union is no tree: its parts are not known")
                .to_compile_error()
                .into();
        }
    };
    let (generics, types, bounds) = input.generics.split_for_impl();
    quote! {
        impl #generics ::pullback::Tree for #name #types #bounds {
            fn visit(&self, visitor: &mut ::pullback::Visitor<'_>) -> Self {
                match self { #(#arms)* }
            }
        }
    }
    .into()
}

/// One arm of the match: takes the fields, visits them in order, puts them back.
fn arm(path: proc_macro2::TokenStream, fields: &Fields, variant: Option<usize>) -> proc_macro2::TokenStream {
    let note = variant.map(|i| quote!(visitor.fixed(#i);));
    match fields {
        Fields::Unit => quote!(#path => { #note #path }),
        Fields::Named(fields) => {
            let names: Vec<_> = fields.named.iter().filter_map(|f| f.ident.as_ref()).collect();
            let texts = names.iter().map(|n| n.to_string());
            quote!(#path { #(#names),* } => { #note #path { #(#names: visitor.field(#texts, #names)),* } })
        }
        Fields::Unnamed(fields) => {
            let names: Vec<_> = (0..fields.unnamed.len()).map(|i| format_ident!("part{i}")).collect();
            let texts = (0..fields.unnamed.len()).map(|i| i.to_string());
            quote!(#path(#(#names),*) => { #note #path(#(visitor.field(#texts, #names)),*) })
        }
    }
}
