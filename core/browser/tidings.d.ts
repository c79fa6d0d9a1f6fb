/** Options of a {@link Source}. All are optional. */
export interface SourceOptions {
  /**
   * Use one connection for all tabs of the site that give the same URL, its
   * lastEventId left out, or the same text here. One tab leads: it has the
   * connection, and passes on its events. When it closes, another takes over
   * after its own last event, so that none is lost and none comes twice. A tab
   * that joins begins with the next event, whatever the endpoint's start would
   * be; with load or a lastEventId, it gets what follows that, and if need be
   * connects on its own until it stands where the others do. Give a text where the URL differs from
   * tab to tab, by a ticket say; it must then name the user, too.
   *
   * It needs Web Locks, which browsers have in secure contexts (https, and
   * localhost), and BroadcastChannel. Elsewhere, the tab has its own connection.
   */
  share?: boolean | string;
  /** Have no connection while the page is hidden, and resume when it is shown. */
  pauseHidden?: boolean;
  /**
   * Go on after the last event of before, if the tab is reloaded. The text is
   * the key under which the tab keeps the last ID, by default the URL's. A
   * lastEventId in the options or the URL comes first.
   */
  resume?: boolean | string;
  /**
   * Called before the source connects anew after the browser has given up: with
   * status 401 or 403, to renew what the server refused, a cookie or a ticket;
   * with 200, because a ticket may be spent. It may return the URL to use from
   * now on. If it throws, the source waits and tries again; false closes the
   * source, for a refusal that lasts.
   */
  renew?: (status: number) => string | URL | false | void | Promise<string | URL | false | void>;
  /**
   * Called before the source connects for the first time: it loads the state that
   * the page shows, and returns the ID after which the stream goes on from it,
   * as LoadState of Tidings gives both. If it throws, the source waits and tries
   * again. After an event reset, it is called anew, and the source begins there.
   */
  load?: () => string | null | undefined | Promise<string | null | undefined>;
  /** The ID after which to begin, as the URL's parameter lastEventId is. */
  lastEventId?: string;
  /** Send cookies to another origin, too. Default: false. */
  withCredentials?: boolean;
  /**
   * The longest wait after the browser has given up once, in ms. It doubles each
   * time, until a connection has lasted for maxDelay. A wait is half to all of
   * it, at random, and no shorter than the server's Retry-After. Default: 1000.
   */
  minDelay?: number;
  /** The longest wait of all, in ms. Default: 30000. */
  maxDelay?: number;
}

/**
 * connecting: the browser is at it. open: events come. waiting: the browser has
 * given up, and the source tries again later. paused: the page is hidden, or
 * left. closed: by close, or by the server, with status 204.
 */
export type SourceState = "connecting" | "open" | "waiting" | "paused" | "closed";

/** leading: the tab's connection serves all. following: another tab's does. */
export type SourceRole = "alone" | "leading" | "following";

/** What an event "state" says. */
export interface SourceDetail {
  state: SourceState;
  role: SourceRole;
  /** When the source tries again, in ms since 1970, if it is waiting. */
  until?: number;
  /** The last answer's status, if it is known; 0 for none. */
  status?: number;
  /** Whether a connection has failed just now. */
  failed?: boolean;
}

/**
 * An EventSource that comes back after every answer but 204.
 *
 * It is used like an EventSource. Events of other names than message come to
 * listeners that are added for them; add them right after construction. Events
 * that the server names state are not delivered.
 */
export class Source extends EventTarget {
  static readonly CONNECTING: 0;
  static readonly OPEN: 1;
  static readonly CLOSED: 2;

  constructor(url: string | URL, options?: SourceOptions);

  /** The URL, without its lastEventId. */
  readonly url: string;
  readonly withCredentials: boolean;
  readonly readyState: 0 | 1 | 2;
  /** The ID of the last event, with which the source resumes. */
  readonly lastEventId: string;
  readonly state: SourceState;
  readonly role: SourceRole;

  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent<string>) => void) | null;
  /** A connection has failed. The source tries again, unless readyState is 2. */
  onerror: ((event: Event) => void) | null;
  onstate: ((event: CustomEvent<SourceDetail>) => void) | null;

  addEventListener(type: "open" | "error", listener: (event: Event) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: "state", listener: (event: CustomEvent<SourceDetail>) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: (event: MessageEvent<string>) => void, options?: boolean | AddEventListenerOptions): void;

  /** Ends the source for good, without an event but state. */
  close(): void;
}
