// Opens event sources, of the browser or of the companion, and counts what
// happens to each. One that is dead is opened anew after its last event.
window.sources = [];
window.open_ = function (number, Kind) {
	for (let i = 0; i < number; i++) {
		const s = { last: 0, id: "", lost: 0, twice: 0, resets: 0, errors: 0, dead: 0, state: 0 };
		window.sources.push(s);
		const connect = function () {
			// Restarts follow each other faster than in life. An EventSource ignores the option.
			const es = new Kind("/events?source=" + i + "&lastEventId=" + encodeURIComponent(s.id), { maxDelay: 2000 });
			es.onopen = function () { s.state = 1; };
			es.onmessage = function (e) {
				const n = Number(e.data);
				if (n <= s.last) {
					s.twice++;
				} else {
					s.lost += n - s.last - 1;
					s.last = n;
				}
				s.id = e.lastEventId;
			};
			es.addEventListener("reset", function () { s.resets++; });
			es.onerror = function () {
				s.state = es.readyState;
				s.errors++;
				if (es.readyState === EventSource.CLOSED) {
					s.dead++;
					setTimeout(connect, 300);
				}
			};
		};
		connect();
	}
};
