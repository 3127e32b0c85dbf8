local path, length = nil, nil
wrk.method = "POST"
function init(args)
  local file = io.open(args[1], "rb"); wrk.body = file:read("*a"); file:close()
  wrk.headers["X-API-Key"] = "bench-key"
  if args[2] then wrk.headers["Content-Type"] = "application/octet-stream"; wrk.headers["Inference-Header-Content-Length"] = args[2] else wrk.headers["Content-Type"] = "application/json" end
  request_text = wrk.format()
end
function request() return request_text end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('RESULT {"n":%d,"seconds":%.3f,"p50":%.3f,"p99":%.3f,"errors":%d}\n', summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, e.connect + e.read + e.write + e.status + e.timeout))
end
