//! Bars that show how much of something is used.

use super::sparkline::Tone;
use leptos::prelude::*;

/// A bar filled to `value` of `most`; without `most` there is nothing to fill.
#[component]
pub fn Meter(
    /// How much is used.
    #[prop(into)]
    value: Signal<Option<u64>>,
    /// How much there is.
    #[prop(into)]
    most: Signal<Option<u64>>,
    /// What is measured, for screen readers.
    #[prop(into)]
    label: Signal<String>,
    /// The colour.
    #[prop(into, default = Tone::Quiet.into())]
    tone: Signal<Tone>,
) -> impl IntoView {
    let share = Memo::new(move |_| filled(value.get(), most.get()));
    view! {
        <span
            class=move || format!("meter {}", tone.get().class())
            role="meter"
            aria-label=label
            aria-valuemin="0"
            aria-valuemax=move || most.get().unwrap_or(0).to_string()
            aria-valuenow=move || value.get().unwrap_or(0).to_string()
        >
            <span class="meter-fill" style=move || format!("width:{:.1}%", share.get())></span>
        </span>
    }
    .into_any()
}

/// How long something runs against its soft and hard limit, on a thin line.
#[component]
pub fn LimitBar(
    /// How long, seconds.
    elapsed: f64,
    /// Soft limit, seconds.
    soft: Option<f64>,
    /// Hard limit, seconds.
    hard: Option<f64>,
) -> impl IntoView {
    let end = soft.unwrap_or(0.0).max(hard.unwrap_or(0.0)).max(1e-9) * 1.1;
    let place = move |seconds: f64| format!("{:.1}%", (seconds / end * 100.0).clamp(0.0, 100.0));
    let nearest = soft.into_iter().chain(hard).fold(f64::INFINITY, f64::min);
    let tone = if elapsed > 0.9 * nearest {
        Tone::Warn
    } else {
        Tone::Quiet
    };
    let words = [("soft limit", soft), ("hard limit", hard)]
        .into_iter()
        .filter_map(|(name, seconds)| {
            Some(format!(", {name} {}", crate::format::duration(seconds?)))
        })
        .collect::<String>();
    view! {
        <span
            class=format!("limit-bar {}", tone.class())
            role="img"
            aria-label=format!("ran {}{words}", crate::format::duration(elapsed))
        >
            <span class="limit-fill" style=format!("width:{}", place(elapsed))></span>
            {soft
                .map(|soft| {
                    view! {
                        <span class="limit-soft" style=format!("left:{}", place(soft))></span>
                    }
                })}
            {hard
                .map(|hard| {
                    view! {
                        <span class="limit-hard" style=format!("left:{}", place(hard))></span>
                    }
                })}
        </span>
    }
    .into_any()
}

fn filled(value: Option<u64>, most: Option<u64>) -> f64 {
    match (value, most) {
        (Some(value), Some(most)) if most > 0 => {
            (value as f64 / most as f64 * 100.0).clamp(0.0, 100.0)
        }
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_never_overflows_and_knows_no_division_by_zero() {
        assert_eq!(filled(Some(3), Some(4)), 75.0);
        assert_eq!(filled(Some(9), Some(4)), 100.0);
        assert_eq!(filled(Some(9), Some(0)), 0.0);
        assert_eq!(filled(None, Some(4)), 0.0);
    }
}
