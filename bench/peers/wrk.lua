-- Tells what wrk saw as one line of JSON. Times are in microseconds.
done = function(summary, latency)
  local e = summary.errors
  local told = '{"good":%d,"bad":%d,"late":%d,"broken":%d,"us":%d,"p50":%d,"p99":%d,"p999":%d}\n'
  io.write(told:format(summary.requests - e.status, e.status, e.timeout, e.connect + e.read + e.write,
    summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
