"""Serve a checkpoint by `litgpt serve`'s OpenAI route: FOLDER CACHE PORT. See ratchet_litgpt/openai_server.py."""

from ratchet_litgpt.environment import prepare_environment

if __name__ == "__main__":
    prepare_environment()
    from ratchet_litgpt.openai_server import main

    main()
