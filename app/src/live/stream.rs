//! One event stream of the browser, closed when dropped.

use model::Frame;
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use web_sys::{EventSource, MessageEvent};

/// An open event stream.
pub(super) struct Stream {
    source: EventSource,
    // The browser calls these as long as the source is open. Dropping one while
    // it runs is legal: wasm-bindgen frees it when the call has ended.
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut()>,
}

impl Stream {
    /// Opens a stream. `on_break` is called when it fails; the caller reconnects.
    pub(super) fn open(
        address: &str,
        on_frame: impl Fn(Result<Frame, serde_json::Error>) + 'static,
        on_break: impl Fn() + 'static,
    ) -> Result<Self, JsValue> {
        let source = EventSource::new(address)?;
        let on_message = Closure::new(move |event: MessageEvent| {
            let text = event.data().as_string().unwrap_or_default();
            on_frame(serde_json::from_slice(text.as_bytes()));
        });
        let on_error = Closure::new(on_break);
        source.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        source.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self {
            source,
            _on_message: on_message,
            _on_error: on_error,
        })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.source.set_onmessage(None);
        self.source.set_onerror(None);
        self.source.close();
    }
}
