"""What an error of the network, of TLS or of HTTP means for a person."""

import http.client
import ssl

from provisioning.errors import ProvisioningError
from provisioning.transports import push_words as words
from provisioning.transports.http_push_sockets import PlainError
from provisioning.transports.push_peer import PushError, Talk


def in_words(error: Exception, talk: Talk, port: int) -> PushError:
    where: dict[str, object] = {"port": port, "address": talk.peer.address}
    match error:
        case PushError():
            return error
        case PlainError(__cause__=TimeoutError()):
            return PushError(words.TIMED_OUT)
        case PlainError():
            return PushError(words.NOT_HTTPS, **where)
        case ProvisioningError():  # a challenge that no header can answer
            return PushError(words.UNKNOWN_LOGIN)
        case TimeoutError():
            return PushError(words.TIMED_OUT)
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | ssl.SSLSyscallError():
            return PushError(words.BROKEN_OFF)
        case ssl.SSLError():
            return PushError(words.NO_TLS)
        case ConnectionRefusedError():
            return PushError(words.NOBODY, **where)
        case ConnectionError() | http.client.IncompleteRead():
            return PushError(words.BROKEN_OFF)
        case OSError():
            reason = error.strerror or str(error)
            return PushError(words.UNREACHABLE, address=talk.peer.address, reason=reason)
    return PushError(words.NOT_HTTP, **where)
