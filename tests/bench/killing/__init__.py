"""The kill campaign's parts: what runs (`work`), on what (`setups`), the kills (`campaign`), more trouble (`troubles`).

Only real processes, real files and SIGKILL; nothing of the engine is imported but the local target, which says where
supervisord and the gateway are.
"""
