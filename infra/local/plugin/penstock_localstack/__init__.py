"""LocalStack, taught to run deployed Lambda functions as plain processes instead of containers.

`executor` is what LocalStack loads, `process` one running function, `runtime_api` the HTTP API that
AWS Lambda offers a function from inside. LocalStack finds the package by the entry point in the
`.dist-info` folder beside it: a folder on PYTHONPATH, nothing to install.
"""
