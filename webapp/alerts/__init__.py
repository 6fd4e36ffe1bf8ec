"""What somebody should look at, and who is banned from the phones' doors."""
