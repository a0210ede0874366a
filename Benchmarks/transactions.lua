-- For wrk: posts the bodies in the file BODIES, one a line, in turn, and prints the figures as one
-- line of JSON. The requests are made before the run, so that wrk costs little.
local requests = {}
local position = 0

function init()
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    for body in io.lines(os.getenv("BODIES")) do
        requests[#requests + 1] = wrk.format(nil, "/transaction", nil, body)
    end
end

function request()
    position = position % #requests + 1
    return requests[position]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        'FIGURES {"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "refused": %d, '
            .. '"socket_errors": %d}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
