#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An SMB client that opens a file for reading with an oplock, as Windows does
([MS-SMB2] 2.2.13): oplock_client.py NAME LEVEL ANSWER, the password on standard
input, whose end ends it. When the server breaks the oplock it is given up if
ANSWER is "answer". Prints the level that was granted, and at the end "held",
"broken" or "given up"."""

import select
import sys

from impacket import smb3structs
from impacket.smb3 import SMB3

LEVELS = {"none": smb3structs.SMB2_OPLOCK_LEVEL_NONE,
          "II": smb3structs.SMB2_OPLOCK_LEVEL_II,
          "exclusive": smb3structs.SMB2_OPLOCK_LEVEL_EXCLUSIVE,
          "batch": smb3structs.SMB2_OPLOCK_LEVEL_BATCH}
UNASKED = 0xffffffffffffffff  # [MS-SMB2] 2.2.23.1, of a notification
ANY_SHARING = (smb3structs.FILE_SHARE_READ | smb3structs.FILE_SHARE_WRITE |
               smb3structs.FILE_SHARE_DELETE)


class Client(SMB3):
    """Keeps the level that the last create was granted."""

    granted = None

    def recvSMB(self, packetID=None):
        answer = super().recvSMB(packetID)
        if answer["Command"] == smb3structs.SMB2_CREATE and not answer["Status"]:
            self.granted = smb3structs.SMB2Create_Response(
                answer["Data"])["OplockLevel"]
        return answer


    def give_up(self, share, file):
        """[MS-SMB2] 2.2.24.1: acknowledges that the level is none now."""
        packet = self.SMB_PACKET()
        packet["Command"] = smb3structs.SMB2_OPLOCK_BREAK
        packet["TreeID"] = share
        answer = smb3structs.SMB2OplockBreakAcknowledgment()
        answer["OplockLevel"] = smb3structs.SMB2_OPLOCK_LEVEL_NONE
        answer["FileID"] = file
        packet["Data"] = answer
        self.sendSMB(packet)


def main():
    name, level, answers = sys.argv[1:]
    client = Client("127.0.0.1", "127.0.0.1",
                    preferredDialect=smb3structs.SMB2_DIALECT_002)
    client.login("root", sys.stdin.readline().rstrip("\n"))
    share = client.connectTree("share")
    file = client.create(
        share, name, smb3structs.FILE_READ_DATA, ANY_SHARING,
        smb3structs.FILE_NON_DIRECTORY_FILE, smb3structs.FILE_OPEN, 0,
        oplockLevel=LEVELS[level])
    words = {number: word for word, number in LEVELS.items()}
    print(words.get(client.granted, client.granted), flush=True)
    server = client._NetBIOSSession.get_socket()
    end = "held"
    while True:
        ready, _, _ = select.select([server, sys.stdin], [], [])
        if server in ready:
            packet = client.recvSMB()
            if packet["MessageID"] == UNASKED:
                end = "broken"
                if answers == "answer":
                    client.give_up(share, file)
                    end = "given up"
        if sys.stdin in ready:
            break
    print(end, flush=True)


if __name__ == "__main__":
    main()
