//! The share of each priority step in a queue, and the legend of the steps.

use leptos::prelude::*;

/// Strengths of the accent there are classes for; steps beyond share the last.
const SHADES: usize = 4;

/// A bar of the waiting messages by priority step, first to run at the left.
#[component]
pub fn PriorityBar(
    /// `(step, messages)` in the order workers take them.
    #[prop(into)]
    steps: Signal<Vec<(u8, u64)>>,
) -> impl IntoView {
    let words = move || steps.with(|steps| describe(steps));
    view! {
        <span class="priority-bar" role="img" aria-label=words title=words>
            {move || {
                steps
                    .with(|steps| parts(steps))
                    .into_iter()
                    .map(|(shade, percent)| {
                        view! {
                            <span
                                class=format!("priority-part priority-{shade}")
                                style=format!("width:{percent:.2}%")
                            ></span>
                        }
                    })
                    .collect_view()
            }}
        </span>
    }
    .into_any()
}

/// Which strength of the accent stands for which priority step.
#[component]
pub fn PriorityLegend(
    /// The steps in the order workers take them.
    #[prop(into)]
    steps: Signal<Vec<u8>>,
) -> impl IntoView {
    view! {
        <p class="priority-legend">
            <span>"Priority, Redis steps:"</span>
            {move || {
                steps
                    .get()
                    .into_iter()
                    .enumerate()
                    .map(|(index, step)| {
                        let first = if index == 0 { " first" } else { "" };
                        view! {
                            <span class="priority-key">
                                <i
                                    class=format!("priority-part priority-{}", shade(index))
                                    aria-hidden="true"
                                ></i>
                                {format!("{step}{first}")}
                            </span>
                        }
                    })
                    .collect_view()
            }}
        </p>
    }
    .into_any()
}

fn shade(index: usize) -> usize {
    index.min(SHADES - 1)
}

/// Returns the shade and the width in percent of each step that holds something.
fn parts(steps: &[(u8, u64)]) -> Vec<(usize, f64)> {
    let total: u64 = steps.iter().map(|(_, count)| count).sum();
    steps
        .iter()
        .enumerate()
        .filter(|(_, (_, count))| *count > 0)
        .map(|(index, (_, count))| (shade(index), *count as f64 / total as f64 * 100.0))
        .collect()
}

fn describe(steps: &[(u8, u64)]) -> String {
    let counts: Vec<String> = steps
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(step, count)| format!("step {step}: {}", crate::format::thousands(*count)))
        .collect();
    if counts.is_empty() {
        "empty".to_owned()
    } else {
        counts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_shares_and_empty_steps_take_no_room() {
        let bar = parts(&[(0, 3), (3, 0), (6, 1)]);
        assert_eq!(bar, [(0, 75.0), (2, 25.0)]);
        assert!(parts(&[(0, 0)]).is_empty());
    }

    #[test]
    fn the_words_name_each_step_that_holds_something() {
        assert_eq!(
            describe(&[(0, 4102), (3, 0), (9, 1)]),
            "step 0: 4,102, step 9: 1"
        );
        assert_eq!(describe(&[(0, 0)]), "empty");
    }
}
