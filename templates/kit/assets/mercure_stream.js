/* made by mercure-deploy kit */
/**
 * A stream of a Mercure hub that stays: for the plain page below, and for controllers/mercure_controller.js.
 *
 * What ends a stream differs by browser, and some ends come without an event: a click on a download (Firefox, WebKit),
 * a reset over HTTP/2 (WebKit), a refused connection (Firefox closes for good). So whatever ends it, this opens it
 * again by itself, with pauses that grow, never two at once; it renews the cookie before its token ends; and it asks
 * for what it missed, each update once.
 *
 *   <div data-mercure-stream data-hub="https://hub.example.com/.well-known/mercure?topic=…"
 *        data-renew="/mercure/token?topic[]=…"><output data-mercure-state></output></div>
 *   <script type="module">
 *     import { start } from './mercure_stream.js';
 *     const element = document.querySelector('[data-mercure-stream]');
 *     element.addEventListener('mercure:update', (event) => console.log(event.detail.data));
 *     start(element);
 *   </script>
 *
 * Updates with a type of their own are heard when it is named: data-events="books authors". The element gets
 * data-state: connecting, open, retrying, refused (this user may not see the topic), stopped.
 */

const SILENCE = 10 * 60_000; // without an update for so long, the stream is opened anew: it may have ended unseen
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;
const STEADY = 5_000;
const AT_ONCE = 50;
const AFTER_A_DOWNLOAD = 2_000;
const ASLEEP = 150_000; // a clock that jumps so far was asleep; timers of a page behind others come once a minute
const REMEMBERED = 200; // ids of updates that were seen

const WORDS = {
    connecting: 'Connecting to live updates',
    open: 'Live updates are on',
    retrying: 'Live updates are interrupted, trying again',
    refused: 'Live updates are not available here',
    stopped: 'Live updates are off',
};

/** Opens the stream of an element; call what it returns to end it. */
export function start(element, options = {}) {
    return new MercureStream(element, options).start();
}

class MercureStream {
    constructor(element, { hub, renew, silence, words, events } = {}) {
        this.element = element;
        this.hub = hub ?? element.dataset.hub;
        this.renewUrl = renew ?? element.dataset.renew ?? null;
        this.silence = Number(silence ?? element.dataset.silence ?? SILENCE);
        this.words = { ...WORDS, ...(words ?? JSON.parse(element.dataset.words ?? '{}')) };
        this.types = ['message', ...(events ?? (element.dataset.events ?? '').split(' ').filter(Boolean))];
        this.key = `mercure ${this.hub}`;
        this.seen = new Set();
        this.last = null;
        this.source = null;
        this.attempt = 0; // what belongs to an older attempt is void
        this.pause = FIRST_PAUSE;
        this.timers = {};
        this.stopped = false;
        this.refused = false;
        this.validUntil = 0;
        try {
            const kept = JSON.parse(sessionStorage.getItem(this.key) ?? '[]');
            this.seen = new Set(kept);
            this.last = kept.at(-1) ?? null;
        } catch {
            // a browser that keeps nothing: then a reload starts anew
        }
    }

    start() {
        this.listeners = [
            [window, 'pagehide', () => this.close()],
            [window, 'pageshow', (event) => event.persisted && this.return()],
            [window, 'beforeunload', () => this.afterDownload()],
            [window, 'online', () => !this.source && this.again(0)],
            [document, 'visibilitychange', () => document.visibilityState === 'visible' && this.look()],
        ];
        for (const [target, name, listener] of this.listeners) target.addEventListener(name, listener);
        this.awake = Date.now();
        this.watch = setInterval(() => this.wake(), 5_000);
        this.state('connecting');
        this.again(0);
        return () => this.stop();
    }

    stop() {
        this.stopped = true;
        this.close();
        this.clear('renew');
        clearInterval(this.watch);
        for (const [target, name, listener] of this.listeners) target.removeEventListener(name, listener);
        this.state('stopped');
    }

    /** Ends the stream that is there, and whatever was about to happen. */
    close() {
        this.attempt += 1;
        for (const name of ['open', 'steady', 'silence', 'download']) this.clear(name);
        this.source?.close();
        this.source = null;
    }

    /** Opens anew after a pause, in ms. */
    again(pause) {
        if (this.stopped || this.refused) return;
        this.close();
        this.later('open', pause, () => this.open());
    }

    async open() {
        const attempt = ++this.attempt;
        const allowed = await this.renew();
        if (attempt !== this.attempt) return;
        if (allowed === false) {
            this.refused = true;
            this.state('refused');
            return;
        }
        if (allowed === null) {
            this.retry();
            return;
        }
        const url = new URL(this.hub, location.href);
        // in the words of hub 0.x and of 1.0
        if (this.last) for (const name of ['lastEventID', 'last_event_id']) url.searchParams.set(name, this.last);
        const source = new EventSource(url, { withCredentials: true });
        this.source = source;
        // WebKit brings a stream back that was closed as its page was put away: then it is closed once more
        const ours = () => this.source === source || void source.close();
        source.onopen = () => {
            if (!ours()) return;
            this.state('open');
            // a stream that was there for a while ended as all do: the next one at once, as nothing is missed then
            this.later('steady', STEADY, () => { this.pause = 0; });
            this.quiet();
        };
        for (const type of this.types) source.addEventListener(type, (event) => ours() && this.receive(event));
        // never left to the browser: it may close for good, or come back without a pause (retry: 0)
        source.onerror = () => {
            if (!ours()) return;
            // closed for good: a 401, it may be, of a key that was replaced; then the cookie is worth nothing
            if (source.readyState === EventSource.CLOSED) this.validUntil = 0;
            this.retry();
        };
    }

    retry() {
        this.state('retrying');
        const pause = (this.pause || AT_ONCE) * (1 + Math.random());
        this.pause = Math.min(2 * this.pause || FIRST_PAUSE, LONGEST_PAUSE);
        this.again(pause);
    }

    receive(event) {
        this.quiet();
        if (event.lastEventId) {
            if (this.seen.has(event.lastEventId)) return;
            this.last = event.lastEventId;
            this.seen.add(this.last);
            for (const id of this.seen) {
                if (this.seen.size <= REMEMBERED) break;
                this.seen.delete(id);
            }
            try {
                sessionStorage.setItem(this.key, JSON.stringify([...this.seen]));
            } catch {
                // nothing is kept, see above
            }
        }
        const detail = { data: event.data, id: event.lastEventId, type: event.type };
        this.element.dispatchEvent(new CustomEvent('mercure:update', { detail, bubbles: true }));
    }

    /** true: the cookie is there; false: this user may not; null: nobody answered, or somebody else did. */
    async renew() {
        if (!this.renewUrl) return true;
        if (Date.now() < this.validUntil) return true;
        try {
            const answer = await fetch(this.renewUrl, { cache: 'no-store', credentials: 'same-origin', redirect: 'manual' });
            if (answer.status === 204) {
                this.renewed(Number(answer.headers.get('Mercure-Token-Lifetime') ?? 3600) * 1000);
                return true;
            }
            // 400: too many topics; 401, 403: not for this user; a redirect: to the login. A 404 or 502 is a proxy's,
            // while the app is deployed
            return [400, 401, 403].includes(answer.status) || answer.type === 'opaqueredirect' ? false : null;
        } catch {
            return null;
        }
    }

    /** The cookie is fresh: the next one in time, and none before a stream that is opened soon. */
    renewed(lifetime) {
        const margin = Math.min(60_000, lifetime / 4);
        this.validUntil = Date.now() + Math.min(lifetime / 2, lifetime - margin);
        this.later('renew', Math.min(lifetime - margin, 2 ** 31 - 1), () => this.renewInTime(margin / 4));
    }

    async renewInTime(pause) {
        this.validUntil = 0;
        const allowed = await this.renew();
        if (this.stopped || this.refused) return;
        if (allowed === false) this.lose();
        // nobody answers: the stream stays while the hub lets it
        if (allowed === null) this.later('renew', pause, () => this.renewInTime(pause));
    }

    /** The right was taken away. */
    lose() {
        this.refused = true;
        this.close();
        this.clear('renew');
        this.state('refused');
    }

    /** A silence that is too long may be an end that nobody told. */
    quiet() {
        if (this.silence) this.later('silence', this.silence, () => this.again(0));
    }

    /** A click on a download looks like leaving, and ends the stream of Firefox and WebKit without an event. */
    afterDownload() {
        this.later('download', AFTER_A_DOWNLOAD, () => this.again(0));
    }

    /** Back from the browser's cache of pages: nothing went on meanwhile. */
    return() {
        this.validUntil = 0;
        this.again(0);
    }

    /** Somebody looks at the page again: what was refused may be granted now, after a login beside it. */
    look() {
        this.wake();
        if (!this.refused) return;
        this.refused = false;
        this.again(0);
    }

    /** After a sleep the token may have ended, and the connection may be dead without knowing it. */
    wake() {
        const now = Date.now();
        const asleep = now - this.awake > ASLEEP;
        this.awake = now;
        if (asleep) {
            this.validUntil = 0;
            this.again(0);
        }
    }

    state(name) {
        if (this.element.dataset.state === name) return;
        this.element.dataset.state = name;
        const output = this.element.querySelector('[data-mercure-state]');
        if (output) output.textContent = this.words[name];
        this.element.dispatchEvent(new CustomEvent('mercure:state', { detail: { state: name }, bubbles: true }));
    }

    later(name, pause, action) {
        this.clear(name);
        this.timers[name] = setTimeout(() => {
            delete this.timers[name];
            action();
        }, pause);
    }

    clear(name) {
        clearTimeout(this.timers[name]);
        delete this.timers[name];
    }
}
