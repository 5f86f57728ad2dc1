//! The Redis that the queues live in.

use crate::{
    components::{
        card::{Card, Tag},
        facts::{Fact, Facts},
    },
    format,
    live::Live,
};
use leptos::prelude::*;
use model::{QueueList, RedisInfo};

/// A share of the memory limit from which on it is amber.
const FULL_SHARE: f64 = 0.8;

/// The card.
#[component]
pub(super) fn RedisCard(
    /// What the page shows.
    list: Signal<QueueList>,
) -> impl IntoView {
    let live = Live::of_page();
    let redis = Memo::new(move |_| list.with(|list| list.redis.clone()).unwrap_or_default());
    let may_evict = Memo::new(move |_| redis.with(may_evict));
    let caption = Signal::derive(move || {
        let version = redis.with(|redis| redis.version.clone());
        let url = live
            .pulse
            .with(|pulse| pulse.as_ref().map(|p| p.broker_url.clone()));
        [url.unwrap_or_default(), version]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", ")
    });
    let warning = move || {
        view! {
            <Show when=move || may_evict.get()>
                <Tag kind="warn">"may evict messages"</Tag>
            </Show>
        }
    };
    let used = move || format::bytes(redis.with(|redis| redis.used_memory_bytes));
    let limit = move || match redis.with(|redis| redis.max_memory_bytes) {
        0 => " no limit".to_owned(),
        limit => format!(" of {}", format::bytes(limit)),
    };
    let memory_class = move || {
        if redis.with(is_nearly_full) {
            "tone-warn"
        } else {
            ""
        }
    };
    let policy_class = move || if may_evict.get() { "tone-warn" } else { "" };
    view! {
        <Card title="Redis" caption=caption actions=Box::new(move || warning().into_any())>
            <Facts>
                <Fact label="Memory">
                    <span class=memory_class>{used}</span>
                    <span class="quiet">{limit}</span>
                </Fact>
                <Fact label="Eviction">
                    <span class=policy_class>
                        {move || {
                            redis
                                .with(|redis| match redis.eviction_policy.as_str() {
                                    "" => "unknown".to_owned(),
                                    policy => policy.to_owned(),
                                })
                        }}
                    </span>
                </Fact>
                <Fact label="Clients">
                    {move || format::thousands(redis.with(|redis| redis.clients))}
                </Fact>
                <Fact label="Ping">{move || format::duration(redis.with(|r| r.ping_ms) / 1_000.0)}</Fact>
                <Fact label="Version">
                    {move || redis.with(|redis| redis.version.clone())}
                </Fact>
            </Facts>
            <Show when=move || may_evict.get()>
                <p class="card-note">
                    "When memory is full Redis drops queued tasks without telling anyone. Set "
                    <code>"maxmemory-policy noeviction"</code> "."
                </p>
            </Show>
        </Card>
    }
    .into_any()
}

/// Redis evicts only up to a limit, and never under `noeviction`.
fn may_evict(redis: &RedisInfo) -> bool {
    redis.max_memory_bytes > 0 && !matches!(redis.eviction_policy.as_str(), "" | "noeviction")
}

fn is_nearly_full(redis: &RedisInfo) -> bool {
    let limit = redis.max_memory_bytes as f64;
    limit > 0.0 && redis.used_memory_bytes as f64 >= limit * FULL_SHARE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redis_evicts_only_with_a_limit_and_a_policy() {
        let redis = |policy: &str, max_memory_bytes| RedisInfo {
            eviction_policy: policy.to_owned(),
            max_memory_bytes,
            ..RedisInfo::default()
        };
        assert!(may_evict(&redis("allkeys-lru", 1)));
        assert!(may_evict(&redis("volatile-lru", 1)));
        assert!(!may_evict(&redis("allkeys-lru", 0)));
        assert!(!may_evict(&redis("noeviction", 1)));
        assert!(!may_evict(&redis("", 1)));
    }
}
