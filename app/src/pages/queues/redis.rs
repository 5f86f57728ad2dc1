//! The Redis that the queues live in.

use super::health::OverdueNote;
use crate::{
    components::{
        card::{Card, Tag},
        facts::{Fact, Facts},
        icon::{Glyph, Icon},
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
    let health = Memo::new(move |_| list.with(|list| list.health.clone()));
    let eviction = Memo::new(move |_| redis.with(Eviction::of));
    let is_trouble = move || matches!(eviction.get(), Eviction::Messages | Eviction::Results);
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
            {move || match eviction.get() {
                Eviction::Messages => {
                    Some(view! { <Tag kind="warn">"may evict messages"</Tag> }.into_any())
                }
                Eviction::Results => {
                    Some(view! { <Tag kind="warn">"may evict results"</Tag> }.into_any())
                }
                Eviction::Idle | Eviction::Nothing => None,
            }}
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
    let policy_class = move || if is_trouble() { "tone-warn" } else { "" };
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
            {move || {
                let words = match eviction.get() {
                    Eviction::Messages => {
                        "When memory is full Redis drops queued tasks without telling anyone. Set "
                    }
                    Eviction::Results => {
                        "When memory is full Redis drops keys that expire, such as stored results. Set "
                    }
                    Eviction::Idle => {
                        "Redis has no memory limit, so this policy drops nothing now. Before a limit is set, set "
                    }
                    Eviction::Nothing => return None,
                };
                Some(
                    view! {
                        <p class="card-note redis-note">
                            <span class:is-trouble=is_trouble>
                                <Icon glyph=Glyph::Warning />
                            </span>
                            <span>{words} <code>"maxmemory-policy noeviction"</code> "."</span>
                        </p>
                    },
                )
            }}
            <OverdueNote health />
        </Card>
    }
    .into_any()
}

/// What Redis drops when its memory is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Eviction {
    /// Any key, queues among them.
    Messages,
    /// Only keys with a time to live: a queue has none.
    Results,
    /// There is no limit that could be reached, but a policy other than `noeviction`.
    Idle,
    /// Nothing, or it is not known.
    Nothing,
}

impl Eviction {
    fn of(redis: &RedisInfo) -> Self {
        match redis.eviction_policy.as_str() {
            "" | "noeviction" => Self::Nothing,
            _ if redis.max_memory_bytes == 0 => Self::Idle,
            policy if policy.starts_with("volatile-") => Self::Results,
            _ => Self::Messages,
        }
    }
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
        let of = |policy, limit| Eviction::of(&redis(policy, limit));
        assert_eq!(of("allkeys-lru", 1), Eviction::Messages);
        assert_eq!(of("volatile-lru", 1), Eviction::Results);
        assert_eq!(of("allkeys-lru", 0), Eviction::Idle);
        assert_eq!(of("noeviction", 1), Eviction::Nothing);
        assert_eq!(of("", 1), Eviction::Nothing);
    }
}
