//! The HTML document around the application. Rendered on the server only.

use crate::{
    App,
    prefs::Theme,
    server_fns::{cookies, role},
};
use leptos::{config::LeptosOptions, prelude::*};
use leptos_meta::MetaTags;

/// Returns the whole document.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let theme = Theme::from_cookies(&cookies()).attribute();
    // The folder's name holds a hash of its content, so browsers may keep the file for ever.
    let styles = format!("/{}/{}.css", options.site_pkg_dir, options.output_name);
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme data-role=role().as_str()>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="stylesheet" href=styles />
                <AutoReload options=options.clone() />
                <HydrationScripts options />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}
