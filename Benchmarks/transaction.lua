-- For wrk: posts one transaction again and again, with the token in the variable TOKEN.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = string.format('{"amount":100,"currency":"USD","token":"%s"}', os.getenv("TOKEN"))

-- A run with any answer but 200 says nothing: wrk counts those as errors.
