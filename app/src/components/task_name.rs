//! A task type's name: the module quiet, the function plain, shortened from the front.

use crate::format::fit_name;
use leptos::prelude::*;
use model::TaskName;

/// Characters that fit the widest task column at 1,440 px.
pub const DEFAULT_BUDGET: usize = 46;

/// A task type's name within a budget of characters; whole when pointed at.
#[component]
pub fn TaskName(
    /// The name, unless no event told it.
    #[prop(into)]
    name: Signal<Option<TaskName>>,
    /// How many characters there is room for.
    #[prop(into, default = DEFAULT_BUDGET.into())]
    budget: Signal<usize>,
) -> impl IntoView {
    let fitted = Memo::new(move |_| {
        name.with(|name| {
            name.as_ref()
                .map(|name| fit_name(name.as_str(), budget.get()))
        })
    });
    let module = move || {
        let module = fitted.with(|name| Some(name.as_ref()?.module.clone()));
        module.filter(|module| !module.is_empty())
    };
    let function = move || {
        fitted.with(|name| match name {
            Some(name) => name.function.clone(),
            None => "unknown".to_owned(),
        })
    };
    let title = move || name.with(|name| name.as_ref().map(|name| name.as_str().to_owned()));
    view! {
        <span
            class="task-name"
            class:is-unknown=move || fitted.with(Option::is_none)
            title=title
        >
            {move || module().map(|module| view! { <span class="task-module">{module}</span> })}
            <span class="task-function">{function}</span>
        </span>
    }
}
