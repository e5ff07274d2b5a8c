"""What stands between the routes and the machine:
the loaded model, its queue, the log, the socket, replicas.
"""
