// SupervisorRuntime
